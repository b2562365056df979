import { Body, Controller, HttpCode, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService, type Refreshed } from '../../auth/auth.service.js';
import type { Client } from '../../core/client.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { noteRefreshed } from '../travel.js';
import { ClientAuthentication } from './client-authentication.js';
import { Dpop } from './dpop.js';
import { endpointsOf } from './endpoints.js';
import { readParameters, type Form } from './form.js';
import { NO_CACHE, OAuthError } from './oauth-error.js';
import { Fails, TokenFormDto, TokenResponseDto } from './oauth.dto.js';

/** The token endpoint (RFC 6749 sections 5 and 6), for refreshes. */
@ApiTags('OAuth 2.0')
export abstract class TokenController {
  protected abstract readonly mount: Mount;

  constructor(
    private readonly auth: AuthService,
    private readonly clients: ClientAuthentication,
    private readonly dpop: Dpop,
  ) {}

  @Post('token')
  @HttpCode(200)
  @ApiOperation({ operationId: 'OAuth_token', summary: 'Exchange a refresh token (RFC 6749 section 6)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiHeader({ name: 'DPoP', required: false, description: 'A proof of possession (RFC 9449)' })
  @ApiBody({ type: TokenFormDto })
  @ApiOkResponse({ type: TokenResponseDto })
  @Fails(400, 'The request, the grant, the scope or the proof is not valid')
  @Fails(401, 'The client could not be authenticated')
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async token(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    accountOf(request).contract = this.mount.contract;
    const { token: url } = endpointsOf(this.mount);
    const form = readParameters(body);
    checkGrantType(form);
    const client = await this.clients.authenticate(form, request.headers.authorization, url);
    const jkt = await this.dpop.prove(request, reply, url);
    if (client.dpopRequired && jkt === undefined)
      throw new OAuthError('invalid_dpop_proof', 'The client must send a DPoP proof');

    const outcome = await this.auth.refresh({
      refreshToken: form['refresh_token'],
      dryRun: false,
      mode: client.refreshMode,
      presenter: { clientId: client.id, ...(jkt !== undefined && { jkt }) },
      ...(form['scope'] !== undefined && { scope: form['scope'] }),
    });
    if (!outcome.ok) return answerRefused(request, reply, this.mount.words, outcome.refused);
    noteRefreshed(request, reply, outcome.value);
    reply.headers(NO_CACHE);
    return answer(outcome.value, client, form, jkt);
  }
}

function checkGrantType({ grant_type: grantType }: Form): void {
  if (grantType === undefined) throw new OAuthError('invalid_request', 'The parameter grant_type is missing');
  if (grantType !== 'refresh_token')
    throw new OAuthError('unsupported_grant_type', 'The grant type must be refresh_token');
}

function answer(
  { session, ...refreshed }: Refreshed,
  client: Client,
  form: Form,
  jkt: string | undefined,
): TokenResponseDto {
  const scope = form['scope'] ?? session.scope;
  return {
    access_token: refreshed.accessToken,
    token_type: jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: refreshed.expiresIn,
    // The client that keeps its refresh token is not given it again (RFC 6749 section 6).
    ...(client.refreshMode === 'rotate' && { refresh_token: refreshed.refreshToken }),
    ...(scope !== null && { scope }),
  };
}

/** The controller at its place. */
export function tokenControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedTokenController extends TokenController {
    protected override readonly mount = mount;
  }
  return MountedTokenController;
}
