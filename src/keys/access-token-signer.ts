import type { KeyObject } from 'node:crypto';
import type { JwtService } from '@nestjs/jwt';
import type { AccessTokenClaims } from '../core/access-token.js';

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

/** Signs `claims` as they are. Given a KeyObject: a PEM would be parsed at every signature, at 14 times the cost. */
export function signJwt(
  jwt: JwtService,
  claims: AccessTokenClaims,
  { kid, algorithm, key }: JwtKey,
  typ: string,
): string {
  return jwt.sign(claims, {
    ...(key.type === 'secret' ? { secret: key as never } : { privateKey: key as never }),
    algorithm,
    header: { alg: algorithm, typ, ...(kid && { kid }) },
  });
}

/**
 * Verifies `token` with one of `keys`, found by the token's `kid`. Its algorithm is the key's own, never the token's
 * choice; its expiry is the caller's to judge.
 */
export function verifyJwt(
  jwt: JwtService,
  token: string,
  keys: readonly JwtKey[],
  issuer: string,
): AccessTokenClaims | undefined {
  try {
    const decoded = jwt.decode(token, { complete: true }) as {
      header: { kid?: unknown; typ?: unknown };
    } | null;
    const found = keys.find(({ kid }) => kid === decoded?.header.kid);
    if (!found || decoded?.header.typ !== 'at+jwt') return undefined;
    const { key, algorithm } = found;
    return jwt.verify<AccessTokenClaims>(token, {
      ...(key.type === 'secret' ? { secret: key as never } : { publicKey: key as never }),
      algorithms: [algorithm],
      issuer,
      ignoreExpiration: true,
    });
  } catch {
    return undefined;
  }
}
