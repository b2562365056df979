import { Body, Controller, HttpCode, Post, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import { seconds } from '../../core/access-token.js';
import { isBoundTo } from '../../core/session.js';
import { accountOf } from '../../http/exchange.js';
import { FailedRequest } from '../../http/failure.js';
import type { Mount } from '../contract.js';
import { ClientAuthentication } from './client-authentication.js';
import { endpointsOf } from './endpoints.js';
import { readParameters } from './form.js';
import { NO_CACHE, OAuthError } from './oauth-error.js';
import { Fails, IntrospectionResponseDto, TokenParameterDto } from './oauth.dto.js';

/** The introspection endpoint (RFC 7662): says whether a token is active, and changes nothing. */
@ApiTags('OAuth 2.0')
export abstract class IntrospectionController {
  protected abstract readonly mount: Mount;

  constructor(
    private readonly auth: AuthService,
    private readonly clients: ClientAuthentication,
  ) {}

  @Post('introspect')
  @HttpCode(200)
  @ApiOperation({ operationId: 'OAuth_introspect', summary: 'Ask whether a token is active (RFC 7662)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenParameterDto })
  @ApiOkResponse({ type: IntrospectionResponseDto })
  @Fails(400, 'The request is not valid')
  @Fails(401, 'The client could not be authenticated, or is a public one')
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After')
  async introspect(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IntrospectionResponseDto> {
    accountOf(request).contract = this.mount.contract;
    const form = readParameters(body);
    const { introspection } = endpointsOf(this.mount);
    const client = await this.clients.authenticate(form, request.headers.authorization, introspection);
    // Anyone could call themselves a public client, and fish for tokens (RFC 7662 section 2.1).
    if (client.authMethod === 'none')
      throw new OAuthError('invalid_client', 'A public client may not introspect', 401);
    const { token } = form;
    if (token === undefined) throw new OAuthError('invalid_request', 'The parameter token is missing');
    reply.headers(NO_CACHE);
    const answer = (await this.accessToken(token)) ??
      (await this.refreshToken(token, client.id)) ?? { active: false };
    accountOf(request).outcome = answer.active ? 'active' : 'inactive';
    return answer;
  }

  private async accessToken(token: string): Promise<IntrospectionResponseDto | undefined> {
    const outcome = await this.auth.inspectAccessToken(token);
    if (!outcome.ok) {
      mustBeKnown(outcome.refused.reason);
      return;
    }
    const { sid, client_id, sub, aud, iss, exp, iat, jti, scope, cnf } = outcome.value;
    return {
      active: true,
      token_type: cnf === undefined ? 'Bearer' : 'DPoP',
      ...{ sid, client_id, sub, aud, iss, exp, iat, jti },
      ...(typeof scope === 'string' && { scope }),
      ...(typeof cnf === 'object' && cnf !== null && { cnf }),
    };
  }

  private async refreshToken(token: string, clientId: string): Promise<IntrospectionResponseDto | undefined> {
    const outcome = await this.auth.inspect(token);
    if (!outcome.ok) {
      mustBeKnown(outcome.refused.reason);
      return;
    }
    const { session } = outcome.value.snapshot;
    if (!isBoundTo(session, clientId)) return undefined;
    return {
      active: true,
      sid: session.id,
      client_id: session.clientId,
      sub: session.subject,
      iss: this.mount.config.issuer,
      iat: seconds(session.rotatedAt ?? session.createdAt),
      exp: seconds(session.expiresAt),
      ...(session.scope !== null && { scope: session.scope }),
      ...(session.dpopJkt !== null && { cnf: { jkt: session.dpopJkt } }),
    };
  }
}

/** A refusal means inactive, unless nothing could be found out. */
function mustBeKnown(reason: string): void {
  if (reason === 'unavailable') throw new FailedRequest({ reason: 'unavailable', retryAfter: 1 });
}

/** The controller at its place. */
export function introspectionControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedIntrospectionController extends IntrospectionController {
    protected override readonly mount = mount;
  }
  return MountedIntrospectionController;
}
