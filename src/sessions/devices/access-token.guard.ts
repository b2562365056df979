import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { IntrospectionService } from '../../auth/introspection.service.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import type { Session } from '../../core/session.js';
import { ApiException } from '../../http/errors/api.exception.js';
import { bearerChallenge } from '../../http/errors/challenge.js';
import { RefusalException } from '../../http/errors/http-refusal.js';
import { recordOf } from '../../http/request-record.js';

const SESSION = Symbol('session of the access token');
type Called = FastifyRequest & { [SESSION]?: Session };

/** What an OAuth client's session must have in its scope, so that its access tokens are good for others of the subject. */
export const SESSIONS_SCOPE = 'sessions';

/**
 * Lets in who sends an access token of a live session as a bearer token (RFC 6750 section 2.1). It must be for the service's own
 * audience: one that was made for another API, which sees it, is not to end the sessions of its subject. Nor is that of an OAuth
 * client without the scope for it.
 */
@Injectable()
export class AccessTokenGuard implements CanActivate {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly introspection: IntrospectionService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Called>();
    const [scheme, token] = (request.headers.authorization ?? '').split(' ', 2);
    if (scheme?.toLowerCase() !== 'bearer' || !token) throw noToken();
    const inspected = await this.introspection.inspectAccessToken(token);
    if (!inspected.ok) {
      if (inspected.refusal.reason === 'unavailable') throw new RefusalException(inspected.refusal);
      throw wrongToken();
    }
    const { claims, session } = inspected.value;
    // Bound to a key (RFC 9449 section 6.1), it is worth nothing without a proof, which is not asked for here.
    if (claims['cnf'] !== undefined || ![claims.aud].flat().includes(this.config.audience))
      throw wrongToken();
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (session.clientBound && !scopes.includes(SESSIONS_SCOPE)) throw noScope();
    request[SESSION] = session;
    const { id: sessionId, subject, clientId } = session;
    Object.assign(recordOf(request), { sessionId, subject, clientId });
    return true;
  }
}

/** The session whose access token a request was let in with. */
export function callersSession(request: FastifyRequest): Session {
  return (request as Called)[SESSION]!;
}

/** That none came. */
export function noToken(): ApiException {
  return refused('Send an access token: Authorization: Bearer <access token>');
}

/** That one is not good here. */
export function wrongToken(): ApiException {
  return refused('This is no access token of a live session, or it is not for this service', 'invalid_token');
}

/** That an OAuth client may not. */
export function noScope(): ApiException {
  const message = `The session is an OAuth client’s, and has no \`${SESSIONS_SCOPE}\` in its scope`;
  const challenge = { 'www-authenticate': bearerChallenge('insufficient_scope') };
  return new ApiException(403, { message, code: 'INSUFFICIENT_SCOPE' }, challenge);
}

function refused(message: string, error?: string): ApiException {
  const challenge = { 'www-authenticate': bearerChallenge(error) };
  return new ApiException(401, { message, code: 'INVALID_ACCESS_TOKEN' }, challenge);
}
