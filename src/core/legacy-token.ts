import { hash, type KeyObject } from 'node:crypto';
import { hashedUuid } from './hashed-uuid.js';
import { betterAuthLane, hydraLane } from './legacy-mac.js';
import { jwtLane, type JwtLane } from './legacy-jwt.js';

/** The ways in which a refresh token of another system is recognised. */
export const LEGACY_LANES = ['sha256', 'sha256x2', 'better-auth', 'hydra', 'jwt', 'issuer'] as const;

/** One of LEGACY_LANES. */
export type LegacyLaneName = (typeof LEGACY_LANES)[number];

/** A lane with what it takes to tell that a token is genuine, where it can be told without the database. */
export type LegacyLane =
  | { readonly name: 'sha256' | 'sha256x2' | 'issuer' }
  | { readonly name: 'better-auth' | 'hydra'; readonly keys: readonly KeyObject[] }
  | ({ readonly name: 'jwt' } & JwtLane);

/** A lane that is open, and until when. */
export interface OpenLane {
  readonly lane: LegacyLane;
  readonly closesAt: Date;
}

/** What a text may be, as a refresh token of another system. */
export interface LegacyToken {
  readonly lane: LegacyLaneName;
  /** What its session is found by: SHA-256 of the lane and of what the lane knows a token by. */
  readonly lookup: Buffer;
  /** What the session's tokens carry once it has moved in. A secret, as any handle. */
  readonly handle: Buffer;
  /** On the lane of an issuer: the token itself, to be redeemed there if it is not known here. */
  readonly redeemable?: string;
}

/** What a keyed lane reads of a text: the token in its one spelling and what it is known by, or why it is not good. */
export type KeyedReading = { readonly token: string; readonly identity: Buffer } | 'expired';

const HANDLE_DOMAIN = 'ratchet/legacy-handle\0';
const PLACEHOLDER_DOMAIN = Buffer.from('ratchet/imported-session\0');
const HANDLE_BYTES = 16;
/** What an issuer may have given out: visible characters (RFC 6749 appendix A.17), more than anybody guesses. */
const REDEEMABLE = /^[\x21-\x7E]{16,4096}$/;

/** What sessions are found by, from what a lane knows their token by. */
export function legacyLookup(lane: LegacyLaneName, identity: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${lane}\0`), identity]), 'buffer');
}

/**
 * The handle of the session whose first token here is `token`. It takes no key, so that a rotation of keys between a lost
 * answer and its retry changes nothing; and whoever has not got the token cannot reckon it, from the database either.
 */
export function legacyHandle(token: string): Buffer {
  return hash('sha256', HANDLE_DOMAIN + token, 'buffer').subarray(0, HANDLE_BYTES);
}

/** The id (UUID version 8) of a session that waits for its token, whose real id can only be reckoned from that. */
export function placeholderId(lookup: Buffer): string {
  return hashedUuid(PLACEHOLDER_DOMAIN, lookup);
}

/**
 * What `text` may be on the lanes that are open at `now`. The one thing that a keyed lane knows it to be; or else, on each
 * lane of digests, what only the database can tell to be a token. Nothing, if no lane is open for it: no I/O is then due.
 */
export function readLegacyToken(
  text: string,
  lanes: readonly OpenLane[],
  now: Date,
): readonly LegacyToken[] | 'expired' {
  const open = lanes.filter(({ closesAt }) => now < closesAt).map(({ lane }) => lane);
  if (open.length === 0) return [];
  const spelt = unescaped(text);
  for (const lane of open) {
    const read = readKeyed(spelt, lane, now);
    if (read === 'expired') return read;
    if (read) return [tokenOn(lane.name, read.token, read.identity)];
  }
  return open.flatMap(({ name }) => {
    if (name === 'sha256') return [tokenOn(name, spelt, hash('sha256', spelt, 'buffer'))];
    if (name === 'sha256x2') return [tokenOn(name, spelt, sha256Twice(spelt))];
    if (name === 'issuer' && REDEEMABLE.test(spelt))
      return [{ ...tokenOn(name, spelt, hash('sha256', spelt, 'buffer')), redeemable: spelt }];
    return [];
  });
}

/** Whether a token on the lane is genuine by itself, before the database is asked. */
export function isKeyed(lane: LegacyLaneName): boolean {
  return lane === 'better-auth' || lane === 'hydra' || lane === 'jwt';
}

function readKeyed(text: string, lane: LegacyLane, now: Date): KeyedReading | undefined {
  switch (lane.name) {
    case 'better-auth':
      return betterAuthLane(text, lane.keys);
    case 'hydra':
      return hydraLane(text, lane.keys);
    case 'jwt':
      return jwtLane(text, lane, now);
    default:
      return undefined;
  }
}

function tokenOn(lane: LegacyLaneName, token: string, identity: Buffer): LegacyToken {
  return { lane, lookup: legacyLookup(lane, identity), handle: legacyHandle(token) };
}

/** SuperTokens hashes the hexadecimal digits of the first digest. */
function sha256Twice(text: string): Buffer {
  return hash('sha256', hash('sha256', text, 'hex'), 'buffer');
}

/** As most servers write a value into a cookie, and read it (encodeURIComponent). */
function unescaped(text: string): string {
  if (!/%[0-9A-Fa-f]{2}/.test(text)) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
