import { generateKeyPairSync } from 'node:crypto';
import type { RingKey } from '../core/key-ring.js';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type { StoredSigningKey } from '../store/signing-key-store.js';
import { publicJwk } from './public-jwk.js';
import { sealKey } from './sealed-key.js';

/** What the keys of the ring sign by. */
export const RING_ALGORITHM = 'ES256' as const;

/** A new key for a place in the ring, its private half sealed under a refresh token key. */
export async function makeRingKey(
  { ordinal, activatesAt }: Omit<RingKey, 'usable'>,
  under: RefreshTokenKey,
): Promise<StoredSigningKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = await publicJwk(privateKey, RING_ALGORITHM);
  return {
    kid: jwk.kid,
    ordinal,
    publicJwk: jwk,
    sealedKey: sealKey(privateKey, jwk.kid, under),
    sealedBy: under.kid,
    activatesAt,
  };
}
