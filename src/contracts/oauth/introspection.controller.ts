import { Body, Controller, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { IntrospectionService } from '../../auth/introspection.service.js';
import { seconds } from '../../core/access-token.js';
import type { Client } from '../../core/client.js';
import { isBoundTo } from '../../core/session.js';
import { recordOf } from '../../http/request-record.js';
import { RefusalException } from '../../http/errors/http-refusal.js';
import { ContractController } from '../contract-controller.js';
import { asksForDryRun } from '../dry-run.js';
import { ClientAuthentication, invalidClient } from './client-authentication.js';
import { readParameters } from './form.js';
import { OAuthError } from './oauth-error.js';
import { Fails, IntrospectionResponseDto, TokenParameterDto } from './oauth.dto.js';

/** The introspection endpoint (RFC 7662): says whether a token is active, and changes nothing. */
@ApiTags('OAuth 2.0')
@Controller('/oauth')
export class IntrospectionController extends ContractController {
  constructor(
    private readonly introspection: IntrospectionService,
    private readonly clients: ClientAuthentication,
  ) {
    super();
  }

  @Post('introspect')
  @HttpCode(200)
  @Header('Pragma', 'no-cache')
  @ApiOperation({ operationId: 'OAuth_introspect', summary: 'Ask whether a token is active (RFC 7662)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenParameterDto })
  @ApiOkResponse({ type: IntrospectionResponseDto })
  @Fails(400, 'The request is not valid')
  @Fails(401, 'The client could not be authenticated, or is a public one', invalidClient(), publicClient())
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(408, 'The body took too long to arrive')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After')
  async introspect(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
  ): Promise<IntrospectionResponseDto> {
    const dryRun = asksForDryRun(request, false);
    if (!dryRun.ok) throw new RefusalException(dryRun.refusal);
    const form = readParameters(body);
    const client = await this.clients.authenticate(form, request);
    // Anyone could call themselves a public client, and fish for tokens (RFC 7662 section 2.1).
    if (client.authMethod === 'none') throw publicClient();
    const { token } = form;
    if (token === undefined) throw new OAuthError('invalid_request', 'The parameter token is missing');
    const answer = (await this.accessToken(token, client)) ??
      (await this.refreshToken(token, client.id)) ?? { active: false };
    recordOf(request).outcome = answer.active ? 'active' : 'inactive';
    return answer;
  }

  private async accessToken(token: string, client: Client): Promise<IntrospectionResponseDto | undefined> {
    const outcome = await this.introspection.inspectAccessToken(token);
    if (!outcome.ok) {
      mustBeKnown(outcome.refusal.reason);
      return;
    }
    const { claims, session } = outcome.value;
    const { sid, client_id, sub, aud, iss, exp, iat, jti, scope, cnf } = claims;
    // Who is not meant by a token learns nothing of it (RFC 7662 section 4).
    if (!isBoundTo(session, client.id) && !isAmong(aud, client.audiences)) return undefined;
    return {
      active: true,
      token_type: cnf === undefined ? 'Bearer' : 'DPoP',
      ...{ sid, client_id, sub, aud, iss, exp, iat, jti },
      ...(typeof scope === 'string' && { scope }),
      ...(typeof cnf === 'object' && cnf !== null && { cnf }),
    };
  }

  private async refreshToken(token: string, clientId: string): Promise<IntrospectionResponseDto | undefined> {
    const outcome = await this.introspection.inspect(token);
    if (!outcome.ok) {
      mustBeKnown(outcome.refusal.reason);
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
      exp: seconds(session.idleExpiresAt),
      ...(session.scope !== null && { scope: session.scope }),
      ...(session.dpopJkt !== null && { cnf: { jkt: session.dpopJkt } }),
    };
  }
}

function isAmong(audience: string | readonly string[], registered: readonly string[]): boolean {
  return [audience].flat().some((each) => registered.includes(each));
}

/** A refusal means inactive, unless nothing could be found out. */
function mustBeKnown(reason: string): void {
  if (reason === 'unavailable') throw new RefusalException({ reason: 'unavailable', retryAfter: 1 });
}

function publicClient(): OAuthError {
  return new OAuthError('invalid_client', 'A public client may not introspect', 401);
}
