import { Controller, Get, Header, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Mount } from '../contract.js';
import { ASYMMETRIC_ALGORITHMS, CLIENT_AUTH_METHODS } from './client-authentication.js';
import { endpointsOf } from './endpoints.js';
import { Fails, MetadataDto } from './oauth.dto.js';

/** Authorization server metadata (RFC 8414): what is true here, and nothing else. */
@ApiTags('OAuth 2.0')
export abstract class MetadataController {
  protected abstract readonly mount: Mount;

  @Get()
  @Header('Cache-Control', 'public, max-age=300')
  @Header('Access-Control-Allow-Origin', '*')
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
      // Required by section 2; there is no authorization endpoint whose response types could be listed.
      response_types_supported: [],
      token_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS],
      token_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      revocation_endpoint: revocation,
      revocation_endpoint_auth_methods_supported: [...CLIENT_AUTH_METHODS],
      revocation_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      introspection_endpoint: introspection,
      introspection_endpoint_auth_methods_supported: confidential,
      introspection_endpoint_auth_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
      dpop_signing_alg_values_supported: [...ASYMMETRIC_ALGORITHMS],
    };
  }
}

/** The controller at its place, which is well known. */
export function metadataControllerAt(mount: Mount): Type {
  @Controller(mount.at('/.well-known/oauth-authorization-server'))
  class MountedMetadataController extends MetadataController {
    protected override readonly mount = mount;
  }
  return MountedMetadataController;
}
