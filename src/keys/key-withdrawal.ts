import { currentKey, type RingKey } from '../core/key-ring.js';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type { SigningKeyStore, StoredSigningKey } from '../store/signing-key-store.js';
import { makeRingKey } from './ring-key.js';
import { openKey } from './sealed-key.js';

/** A key of the ring, as an operator is shown it. */
export interface ListedKey {
  readonly kid: string;
  /** From when on it signs, or signed. */
  readonly activatesAt: Date;
  readonly state: 'signs' | 'will sign' | 'verifies only' | 'cannot be opened';
}

type Opened = StoredSigningKey & RingKey;
type SealingKeys = readonly [RefreshTokenKey, ...RefreshTokenKey[]];

/** The keys of the ring, the oldest first. @throws Unavailable if the database does not answer */
export async function listKeys(store: SigningKeyStore, sealingKeys: SealingKeys): Promise<ListedKey[]> {
  const { keys, now } = await ringOf(store, sealingKeys);
  const current = currentKey(keys, now);
  return keys.map((key) => {
    const { kid, activatesAt } = key;
    const later = activatesAt > now ? 'will sign' : 'verifies only';
    return { kid, activatesAt, state: key === current ? 'signs' : key.usable ? later : 'cannot be opened' };
  });
}

/**
 * Takes keys out of the ring, whatever they were doing. One that has been made a moment ago signs in place of the current
 * one, if that is among them: an older one, which only verifies, does not sign again. Replicas follow at their next look.
 * Gives the kid of the key that signs.
 *
 * @throws Unavailable if the database does not answer; all is well if it is then done once more
 */
export async function withdrawKeys(
  store: SigningKeyStore,
  sealingKeys: SealingKeys,
  kids: readonly string[],
): Promise<string> {
  let signs: string | undefined;
  while (!signs) {
    const { keys, now } = await ringOf(store, sealingKeys);
    const current = currentKey(keys, now);
    if (current && !kids.includes(current.kid)) signs = current.kid;
    // A replica may take the place at the same moment, for a key that is to sign later: then there is another place.
    else await store.add(await makeRingKey({ ordinal: nextOrdinal(keys), activatesAt: now }, sealingKeys[0]));
  }
  for (const kid of kids) await store.remove(kid);
  return signs;
}

async function ringOf(
  store: SigningKeyStore,
  sealingKeys: SealingKeys,
): Promise<{ keys: Opened[]; now: Date }> {
  const { keys, now } = await store.all();
  const opens = (key: StoredSigningKey): boolean =>
    sealingKeys.some((under) => under.kid === key.sealedBy && openKey(key.sealedKey, key.kid, under));
  return { now, keys: keys.map((key) => ({ ...key, usable: opens(key) })) };
}

function nextOrdinal(keys: readonly Opened[]): number {
  return Math.max(-1, ...keys.map(({ ordinal }) => ordinal)) + 1;
}
