import { Body, Controller, HttpCode, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import { AccessTokenSigner } from '../../keys/access-token-signer.js';
import type { Mount } from '../contract.js';
import { ClientAuthentication } from './client-authentication.js';
import { endpointsOf } from './endpoints.js';
import { readParameters } from './form.js';
import { NO_CACHE, OAuthError } from './oauth-error.js';
import { Fails, TokenParameterDto } from './oauth.dto.js';

/** The revocation endpoint (RFC 7009): ends the session of a refresh token. */
@ApiTags('OAuth 2.0')
export abstract class RevocationController {
  protected abstract readonly mount: Mount;

  constructor(
    private readonly auth: AuthService,
    private readonly clients: ClientAuthentication,
    private readonly signer: AccessTokenSigner,
  ) {}

  @Post('revoke')
  @HttpCode(200)
  @ApiOperation({ operationId: 'OAuth_revoke', summary: 'End the session of a refresh token (RFC 7009)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenParameterDto })
  @ApiOkResponse({ description: 'The token is not valid any more, or never was' })
  @Fails(400, 'The request is not valid, or the token is not the client’s or an access token')
  @Fails(401, 'The client could not be authenticated')
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The session could not be ended just now; see Retry-After')
  async revoke(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    accountOf(request).contract = this.mount.contract;
    const form = readParameters(body);
    const { revocation } = endpointsOf(this.mount);
    const client = await this.clients.authenticate(form, request.headers.authorization, revocation);
    const { token } = form;
    if (token === undefined) throw new OAuthError('invalid_request', 'The parameter token is missing');
    if (this.signer.verify(token)) {
      // Resource servers check an access token by themselves; it is short-lived for that.
      throw new OAuthError(
        'unsupported_token_type',
        'An access token cannot be revoked; revoke its refresh token',
      );
    }
    const outcome = await this.auth.revoke(token, client.id);
    if (!outcome.ok) return answerRefused(request, reply, this.mount.words, outcome.refused);
    const { ended, sessionId } = outcome.value;
    Object.assign(accountOf(request), {
      outcome: ended ? 'logout' : 'no-session',
      ...(sessionId && { sessionId }),
    });
    reply.headers(NO_CACHE);
    return undefined;
  }
}

/** The controller at its place. */
export function revocationControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedRevocationController extends RevocationController {
    protected override readonly mount = mount;
  }
  return MountedRevocationController;
}
