import type { Narrowing } from './narrowing.js';
import type { Attested } from './session.js';

/** The claims of an access token (RFC 9068 section 2.2), with `sid` and the session's own claims. */
export interface AccessTokenClaims extends Record<string, unknown> {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  /** The session's id. */
  readonly sid: string;
  readonly jti: string;
  /** Seconds since the epoch, as all its times. */
  readonly iat: number;
  readonly exp: number;
}

/** Who issues, and for whom where the session does not say. */
export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
}

/** Claims that this service sets, so that a session's own claims may not name them. */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'client_id', 'sid', 'jti', 'iat', 'exp', 'nbf'],
  ...['scope', 'auth_time', 'amr', 'acr', 'cnf', 'act'],
]);

/** A session's own claims travel in every access token, and those in headers, which servers cut off at 8 to 16 KB. */
export const MAX_CLAIMS_BYTES = 4096;

/** The longest that an access token may live, in seconds: a day. The key ring keeps a retired key that long. */
export const MAX_ACCESS_TOKEN_TTL = 86_400;

/** What is particular to one access token. */
export interface Issuance extends Narrowing {
  readonly jti: string;
  /** The thumbprint of the key that the token is bound to (RFC 9449 section 6.1). */
  readonly jkt?: string;
}

/** The claims of an access token issued at the snapshot's time. It never outlives its session. */
export function accessTokenClaims(
  { session, now }: { readonly session: Attested; readonly now: Date },
  { issuer, audience }: Issuer,
  { jti, scope = session.scope ?? undefined, resources = session.audience, jkt }: Issuance,
): AccessTokenClaims {
  const iat = seconds(now);
  const claims: Record<string, unknown> = { ...session.claims };
  claims['iss'] = issuer;
  claims['sub'] = session.subject;
  claims['aud'] = audienceOf(resources, audience);
  claims['client_id'] = session.clientId;
  claims['sid'] = session.id;
  if (scope !== undefined) claims['scope'] = scope;
  claims['auth_time'] = seconds(session.authTime);
  if (session.amr.length > 0) claims['amr'] = session.amr;
  if (session.acr !== null) claims['acr'] = session.acr;
  if (jkt !== undefined) claims['cnf'] = { jkt };
  claims['jti'] = jti;
  claims['iat'] = iat;
  claims['exp'] = Math.min(
    iat + session.accessTokenTtl,
    seconds(session.expiresAt),
    seconds(session.idleExpiresAt),
  );
  return claims as AccessTokenClaims;
}

function audienceOf(audience: readonly string[], otherwise: string): string | readonly string[] {
  if (audience.length === 0) return otherwise;
  return audience.length === 1 ? audience[0]! : audience;
}

/** A time as a JWT's NumericDate: whole seconds since the epoch (RFC 7519 section 2). */
export function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
