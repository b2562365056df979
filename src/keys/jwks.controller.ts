import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AccessTokenSigner, type JwkSet } from './access-token-signer.js';

/** A JSON Web Key Set (RFC 7517 section 5). */
export class JwkSetDto {
  @ApiProperty({
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    description: 'Public keys (RFC 7517 section 4).',
  })
  keys!: object[];
}

/** Publishes the keys that verify access tokens. */
@ApiTags('Keys')
@Controller('.well-known')
export class JwksController {
  constructor(private readonly signer: AccessTokenSigner) {}

  @Get('jwks.json')
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({ operationId: 'JwksController_keys', summary: 'The keys that verify access tokens' })
  @ApiOkResponse({ type: JwkSetDto })
  @ApiResponse({
    status: 503,
    description: 'The keys are not there yet; see Retry-After',
    // The DTO of that name is http's, which builds on this.
    schema: { $ref: '#/components/schemas/ApiErrorDto' },
  })
  keys(): JwkSet {
    return this.signer.jwks();
  }
}
