import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessTokenSigner } from '../../keys/access-token-signer.js';
import { recordOf } from '../../http/request-record.js';
import { ContractController } from '../contract-controller.js';
import { ClientAuthentication, invalidClient } from './client-authentication.js';
import { readParameters } from './form.js';
import { OAuthError } from './oauth-error.js';
import { Fails, TokenParameterDto } from './oauth.dto.js';

/** The revocation endpoint (RFC 7009): ends the session of a refresh token. */
@ApiTags('OAuth 2.0')
@Controller('/oauth')
export class RevocationController extends ContractController {
  constructor(
    private readonly clients: ClientAuthentication,
    private readonly signer: AccessTokenSigner,
  ) {
    super();
  }

  @Post('revoke')
  @HttpCode(200)
  @Header('Pragma', 'no-cache')
  @ApiOperation({ operationId: 'OAuth_revoke', summary: 'End the session of a refresh token (RFC 7009)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenParameterDto })
  @ApiOkResponse({ description: 'The token is not valid any more, or never was' })
  @Fails(
    400,
    'The request is not valid, or the token an access token, or not the client’s, which only an authenticated one is told',
  )
  @Fails(401, 'The client could not be authenticated', invalidClient())
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(408, 'The body took too long to arrive')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The session could not be ended just now; see Retry-After')
  async revoke(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = readParameters(body);
    const client = await this.clients.authenticate(form, request);
    const { token } = form;
    if (token === undefined) throw new OAuthError('invalid_request', 'The parameter token is missing');
    if (this.signer.verify(token)) {
      // Resource servers check an access token by themselves; it is short-lived for that.
      throw new OAuthError(
        'unsupported_token_type',
        'An access token cannot be revoked; revoke its refresh token',
      );
    }
    const call = this.call(request, reply);
    const refusal = await call.revoke(call.token(token), client.id);
    if (client.authMethod !== 'none' || recordOf(request).reason !== 'wrong_client') return refusal;
    // One that has only named itself does not learn that there is such a token (RFC 7009 section 2.2).
    reply.status(200);
    return undefined;
  }
}
