import { createHmac, sign, type KeyObject } from 'node:crypto';
import type { JwtService } from '@nestjs/jwt';
import type { AccessTokenClaims } from '../core/access-token.js';
import { sideBySide } from './ecdsa-signature.js';
import { isWellFormedJwt } from './well-formed-jwt.js';

/** A JSON Web Key Set (RFC 7517 section 5): public keys only. */
export interface JwkSet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** Signs access tokens, and publishes what verifies them. */
export abstract class AccessTokenSigner {
  /** The claims as a JWT of type `at+jwt` (RFC 9068). The key is the one that is current at their `iat`. */
  abstract sign(claims: AccessTokenClaims): string;

  /**
   * The claims of an access token that this service signed with a key it still publishes, however long ago it expired;
   * undefined for anything else.
   */
  abstract verify(token: string): AccessTokenClaims | undefined;

  /** The keys that verify it, those that will sign next included. Empty for a shared secret. */
  abstract jwks(): JwkSet;

  /** Throws if nothing can be signed: asked before a request changes anything. */
  abstract ready(): void;
}

/** A key and how a JWT names it. */
export interface JwtKey {
  readonly kid?: string;
  readonly algorithm: 'ES256' | 'ES384' | 'RS256' | 'HS256';
  readonly key: KeyObject;
}

/** How long r and s of an ECDSA signature are (RFC 7518 section 3.4). */
const COORDINATE_BYTES: Partial<Record<JwtKey['algorithm'], number>> = { ES256: 32, ES384: 48 };

/** Makes a JWT of claims, as they are. */
export type JwtSigner = (claims: AccessTokenClaims) => string;

/**
 * Signs with `key`: a JWS in its compact form (RFC 7515 section 7.1), by an algorithm of RFC 7518.
 *
 * Not through JwtService, which at every call checks its options anew and takes the signature the long way from DER. That
 * was a third of what signing cost, and signing is most of what a refresh costs.
 */
export function jwtSigner({ kid, algorithm, key }: JwtKey, typ: string): JwtSigner {
  const header = base64url(JSON.stringify({ alg: algorithm, typ, ...(kid !== undefined && { kid }) }));
  const hash = `sha${algorithm.slice(2)}`;
  const coordinate = COORDINATE_BYTES[algorithm];
  const signature = (text: string): string => {
    if (key.type === 'secret') return createHmac(hash, key).update(text).digest('base64url');
    // The bare key: among options, such as that for r and s side by side, it costs Node 24 as much as the signature.
    const signed = sign(hash, Buffer.from(text), key);
    return (coordinate === undefined ? signed : sideBySide(signed, coordinate)).toString('base64url');
  };
  return (claims) => {
    const signed = `${header}.${base64url(JSON.stringify(claims))}`;
    return `${signed}.${signature(signed)}`;
  };
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A shared secret, or a key of the operator's own, may have signed tokens that no session stands behind. */
function hasSession({ sid, exp }: Readonly<Record<string, unknown>>): boolean {
  return typeof sid === 'string' && SESSION_ID.test(sid) && typeof exp === 'number';
}

/**
 * Verifies `token` with those of `keys` that have the token's `kid`, which is one, or, without a `kid`, every shared secret.
 * Its algorithm is the key's own, never the token's choice; its expiry is the caller's to judge.
 */
export function verifyJwt(
  jwt: JwtService,
  token: string,
  keys: readonly JwtKey[],
  issuer: string,
): AccessTokenClaims | undefined {
  const header = isWellFormedJwt(token) ? headerOf(jwt, token) : undefined;
  if (header?.typ !== 'at+jwt') return undefined;
  for (const key of keys) {
    const claims = key.kid === header.kid ? claimsOf(jwt, token, key, issuer) : undefined;
    if (claims) return claims;
  }
  return undefined;
}

function headerOf(jwt: JwtService, token: string): { kid?: unknown; typ?: unknown } | undefined {
  try {
    return (jwt.decode(token, { complete: true }) as { header: object } | null)?.header;
  } catch {
    return undefined;
  }
}

function claimsOf(
  jwt: JwtService,
  token: string,
  { key, algorithm }: JwtKey,
  issuer: string,
): AccessTokenClaims | undefined {
  try {
    const claims = jwt.verify<AccessTokenClaims>(token, {
      ...(key.type === 'secret' ? { secret: key as never } : { publicKey: key as never }),
      algorithms: [algorithm],
      issuer,
      ignoreExpiration: true,
    });
    return hasSession(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}
