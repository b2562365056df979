import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ASYMMETRIC_ALGORITHMS } from '../../core/client-keys.js';
import { CLIENT_AUTH_METHODS } from '../../core/client.js';
import { ContractController } from '../contract-controller.js';
import { endpointsOf } from './endpoints.js';
import { Fails, MetadataDto } from './oauth.dto.js';

/** Authorization server metadata (RFC 8414): what is true here, and nothing else. */
@ApiTags('OAuth 2.0')
@Controller('/.well-known/oauth-authorization-server')
export class MetadataController extends ContractController {
  @Get()
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({
    operationId: 'OAuth_metadata',
    summary: 'What this authorization server can do (RFC 8414)',
  })
  @ApiOkResponse({ type: MetadataDto })
  @Fails(429, 'Too many requests; see Retry-After')
  metadata(): MetadataDto {
    const { issuer, token, revocation, introspection, jwks } = endpointsOf(this.mount);
    const confidential = CLIENT_AUTH_METHODS.filter((method) => method !== 'none');
    return {
      issuer,
      token_endpoint: token,
      jwks_uri: jwks,
      grant_types_supported: ['refresh_token'],
      // No response_types_supported: there is no authorization endpoint, and what is empty is left out (section 3.2).
      token_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS],
      token_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      revocation_endpoint: revocation,
      revocation_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS],
      revocation_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      introspection_endpoint: introspection,
      introspection_endpoint_auth_methods_supported: confidential,
      introspection_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      dpop_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      refresh_token_expiration_types_supported: ['authorization', 'token_timeout'],
    };
  }
}
