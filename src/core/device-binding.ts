import { createHmac, type KeyObject } from 'node:crypto';
import { sameCharacters } from './same-characters.js';

/** How long a challenge may be answered, in seconds: browsers keep a proof, and repeat it, for as long as it is unchanged. */
export const CHALLENGE_TTL = 600;
/** What a MAC is of: none is good for the other. */
type Kind = 'challenge' | 'cookie';

/** How much later it may be than this machine's clock has it, in seconds: another replica's is ahead. */
const AHEAD = 60;

/**
 * A challenge for the device of a session, which nobody needs to remember: the time and a MAC over it and the session.
 *
 * @param now in seconds since the epoch
 */
export function newChallenge(sessionId: string, now: number, key: KeyObject): string {
  const time = now.toString(36);
  return `${time}.${mac(key, 'challenge', sessionId, time)}`;
}

/** Whether `text` is a challenge of this session that may still be answered. */
export function isChallenge(
  text: string,
  sessionId: string,
  now: number,
  keys: readonly KeyObject[],
): boolean {
  const [time = '', given = ''] = text.split('.', 2);
  return isFresh(time, now, CHALLENGE_TTL) && isMac(given, keys, 'challenge', sessionId, time);
}

/**
 * The value of the short cookie that says, to whoever has the keys, which device has just proved that it holds the session's key.
 *
 * @param thumbprint of the device's key
 */
export function newDeviceCookie(sessionId: string, thumbprint: string, now: number, key: KeyObject): string {
  const time = now.toString(36);
  return `${time}.${thumbprint}.${mac(key, 'cookie', sessionId, `${time}.${thumbprint}`)}`;
}

/** The thumbprint in such a cookie of this session that is at most `ttl` seconds old; undefined if it is none. */
export function readDeviceCookie(
  text: string,
  sessionId: string,
  now: number,
  { keys, ttl }: { readonly keys: readonly KeyObject[]; readonly ttl: number },
): string | undefined {
  const [time = '', thumbprint = '', given = ''] = text.split('.', 3);
  const isGood = isFresh(time, now, ttl) && isMac(given, keys, 'cookie', sessionId, `${time}.${thumbprint}`);
  return isGood ? thumbprint : undefined;
}

function isFresh(time: string, now: number, ttl: number): boolean {
  if (!/^[0-9a-z]{1,8}$/.test(time)) return false;
  const age = now - Number.parseInt(time, 36);
  return age <= ttl && age >= -AHEAD;
}

function isMac(
  given: string,
  keys: readonly KeyObject[],
  kind: Kind,
  sessionId: string,
  text: string,
): boolean {
  return keys.some((key) => sameCharacters(mac(key, kind, sessionId, text), given));
}

function mac(key: KeyObject, kind: Kind, sessionId: string, text: string): string {
  return createHmac('sha256', key).update(`device ${kind}\n${sessionId}\n${text}`).digest('base64url');
}
