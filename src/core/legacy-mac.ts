import { createHmac, hash, type KeyObject } from 'node:crypto';
import { sameCharacters } from './same-characters.js';
import type { KeyedReading } from './legacy-token.js';

const HYDRA_PREFIX = 'ory_rt_';

/**
 * better-auth's signed cookie, `<token>.<HMAC-SHA-256 of the token in base64>`, as it stands once it is unescaped. Known by
 * the SHA-256 of the token, which is the column `session.token`.
 */
export function betterAuthLane(text: string, keys: readonly KeyObject[]): KeyedReading | undefined {
  const dot = text.lastIndexOf('.');
  if (dot <= 0) return undefined;
  const [token, mac] = [text.slice(0, dot), text.slice(dot + 1)];
  const isGenuine = keys.some((key) =>
    sameCharacters(createHmac('sha256', key).update(token).digest('base64'), mac),
  );
  return isGenuine ? { token: text, identity: hash('sha256', token, 'buffer') } : undefined;
}

/**
 * A refresh token of Ory Hydra, `ory_rt_<key>.<HMAC-SHA-512/256 of the key>`, with or without its prefix. Known by its MAC,
 * which is the column `signature`: since that is a part of the token, it is reckoned from the other one.
 */
export function hydraLane(text: string, keys: readonly KeyObject[]): KeyedReading | undefined {
  const token = text.startsWith(HYDRA_PREFIX) ? text.slice(HYDRA_PREFIX.length) : text;
  const [key, mac, ...more] = token.split('.') as [string, string?, ...string[]];
  if (!key || !mac || more.length > 0) return undefined;
  const bytes = Buffer.from(key, 'base64url');
  // One token has one spelling, or each would be a token by itself.
  if (bytes.toString('base64url') !== key) return undefined;
  const isGenuine = keys.some((each) =>
    sameCharacters(createHmac('sha512-256', each).update(bytes).digest('base64url'), mac),
  );
  return isGenuine ? { token, identity: Buffer.from(mac) } : undefined;
}
