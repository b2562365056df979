import { createHmac, randomBytes, type KeyObject } from 'node:crypto';
import { hashedUuid } from './hashed-uuid.js';
import { sameCharacters } from './same-characters.js';

/** What a refresh token says under its MAC. */
export interface RefreshToken {
  /** 16 random bytes that only this session's refresh tokens carry. A secret: never stored, never logged. */
  readonly handle: Buffer;
  /** Which turn of the session's ratchet this token is. */
  readonly generation: number;
  /** The session's absolute expiry, in seconds since the epoch. */
  readonly deadline: number;
}

/** A secret that mints and verifies refresh tokens. */
export interface RefreshTokenKey {
  /** 0 to 255; travels in the token. */
  readonly kid: number;
  /** At least 32 bytes. A KeyObject, since Node makes one of bytes at every use. */
  readonly secret: KeyObject;
}

const PREFIX = 'rt1_';
const DOMAIN = 'ratchet/refresh-token/v1\0';
const SESSION_ID_DOMAIN = Buffer.from('ratchet/session-id');
const HANDLE_BYTES = 16;
const PAYLOAD_BYTES = 1 + HANDLE_BYTES + 4 + 4;
const PAYLOAD_CHARS = Math.ceil((PAYLOAD_BYTES * 4) / 3);
const MAC_CHARS = Math.ceil((32 * 4) / 3);
const TOKEN_CHARS = PREFIX.length + PAYLOAD_CHARS + 1 + MAC_CHARS;
/** The column of the generation is a signed 32-bit integer. */
const MAX_GENERATION = 0x7fff_fffe;

/** A handle for a new session: 128 random bits. */
export function newHandle(): Buffer {
  return randomBytes(HANDLE_BYTES);
}

/**
 * The id of the session whose tokens carry `handle`, a UUID of version 8 (RFC 9562 section 5.8). One-way, so that
 * the database does not hold what a token needs.
 */
export function sessionIdOf(handle: Buffer): string {
  return hashedUuid(SESSION_ID_DOMAIN, handle);
}

/**
 * The refresh token that says `token`, under `key`: `rt1_<payload>.<MAC>`, 82 characters of `[A-Za-z0-9_.-]`.
 * A pure function, so that a retry is given the same successor and nothing has to be cached.
 */
export function mintRefreshToken(token: RefreshToken, key: RefreshTokenKey): string {
  const payload = Buffer.alloc(PAYLOAD_BYTES);
  payload.writeUInt8(key.kid, 0);
  token.handle.copy(payload, 1);
  payload.writeUInt32BE(token.generation, 1 + HANDLE_BYTES);
  payload.writeUInt32BE(token.deadline, 1 + HANDLE_BYTES + 4);
  const text = PREFIX + payload.toString('base64url');
  return `${text}.${mac(text, key)}`;
}

/** Why a text is not a refresh token of this service. Where no key has verified it, the text says so of itself. */
export type TokenFlaw = 'foreign_prefix' | 'wrong_length' | 'unknown_kid' | 'bad_mac' | 'generation_too_high';

/**
 * What `text` says; or why none of `keys` made it. No I/O: this is where garbage stops.
 *
 * The MAC is over the characters, not the bytes they stand for, and is compared as characters: one token has one
 * spelling.
 */
export function readRefreshToken(text: string, keys: readonly RefreshTokenKey[]): RefreshToken | TokenFlaw {
  if (!text.startsWith(PREFIX)) return 'foreign_prefix';
  const dot = PREFIX.length + PAYLOAD_CHARS;
  if (text.length !== TOKEN_CHARS || text[dot] !== '.') return 'wrong_length';
  const payload = Buffer.from(text.slice(PREFIX.length, dot), 'base64url');
  if (payload.length !== PAYLOAD_BYTES) return 'wrong_length';
  const key = keys.find((candidate) => candidate.kid === payload[0]);
  if (!key) return 'unknown_kid';
  if (!sameCharacters(mac(text.slice(0, dot), key), text.slice(dot + 1))) return 'bad_mac';
  const generation = payload.readUInt32BE(1 + HANDLE_BYTES);
  if (generation > MAX_GENERATION) return 'generation_too_high';
  return {
    handle: payload.subarray(1, 1 + HANDLE_BYTES),
    generation,
    deadline: payload.readUInt32BE(1 + HANDLE_BYTES + 4),
  };
}

/** The kid that a text names which has the form of a refresh token; undefined of any other. Nothing has verified it. */
export function kidOf(text: string): number | undefined {
  if (!text.startsWith(PREFIX) || text.length !== TOKEN_CHARS) return undefined;
  return Buffer.from(text.slice(PREFIX.length, PREFIX.length + 4), 'base64url')[0];
}

function mac(text: string, key: RefreshTokenKey): string {
  return createHmac('sha256', key.secret)
    .update(DOMAIN + text)
    .digest('base64url');
}
