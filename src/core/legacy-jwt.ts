import { createHmac, verify, type KeyObject } from 'node:crypto';
import { sameCharacters } from './same-characters.js';
import type { KeyedReading } from './legacy-token.js';
import { objectIn } from './jwt-part.js';

/** What the refresh tokens of another system may be signed with (RFC 7518 section 3.1). */
export const LEGACY_JWT_ALGORITHMS = ['HS256', 'HS384', 'HS512', 'RS256', 'ES256'] as const;

/** One of LEGACY_JWT_ALGORITHMS. */
export type LegacyJwtAlgorithm = (typeof LEGACY_JWT_ALGORITHMS)[number];

/** How JWTs that are refresh tokens are told from others, and apart. */
export interface JwtLane {
  readonly algorithm: LegacyJwtAlgorithm;
  readonly keys: readonly KeyObject[];
  /** The claims that together name a session, such as `sid`. */
  readonly names: readonly string[];
  /** What other claims must be, so that an access token under the same key is not taken for a refresh token. */
  readonly required: ReadonlyMap<string, readonly string[]>;
}

/** How long after its `exp` a token is still read, in seconds: its first answer may have been lost just before. */
const LEEWAY = 60;

/** A JWT (RFC 7519) that one of the lane's keys has signed. Known by the claims that name its session. */
export function jwtLane(text: string, lane: JwtLane, now: Date): KeyedReading | undefined {
  const [header, payload, signature, ...more] = text.split('.') as [string, string?, string?, ...string[]];
  if (!payload || !signature || more.length > 0) return undefined;
  if (objectIn(header)?.['alg'] !== lane.algorithm) return undefined;
  if (!isSigned(`${header}.${payload}`, signature, lane)) return undefined;
  const claims = objectIn(payload);
  if (!claims) return undefined;
  for (const [name, values] of lane.required)
    if (![claims[name]].flat().some((value) => values.includes(String(value)))) return undefined;
  const named = lane.names.map((name): [string, unknown] => [name, claims[name]]);
  if (!named.every(([, value]) => isName(value))) return undefined;
  const { exp } = claims;
  if (exp !== undefined && !(typeof exp === 'number' && now.getTime() / 1000 < exp + LEEWAY))
    return 'expired';
  return { token: text, identity: jwtIdentity(named as [string, string | number][]) };
}

/** What a JWT is known by: the claims that name its session, in whatever order they are given. */
export function jwtIdentity(claims: readonly (readonly [name: string, value: string | number])[]): Buffer {
  const sorted = claims
    .map(([name, value]) => [name, String(value)])
    .toSorted(([a], [b]) => (a! < b! ? -1 : 1));
  return Buffer.from(JSON.stringify(sorted));
}

/** Whether a claim can name a session. */
export function isName(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || Number.isSafeInteger(value);
}

function isSigned(signed: string, signature: string, { algorithm, keys }: JwtLane): boolean {
  if (algorithm.startsWith('HS')) {
    const digest = `sha${algorithm.slice(2)}`;
    return keys.some((key) =>
      sameCharacters(createHmac(digest, key).update(signed).digest('base64url'), signature),
    );
  }
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.toString('base64url') !== signature) return false;
  const data = Buffer.from(signed);
  return keys.some((key) => verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes));
}
