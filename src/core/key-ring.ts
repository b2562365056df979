import { MAX_ACCESS_TOKEN_TTL } from './access-token.js';

/** What the ring needs to know of a signing key. */
export interface RingKey {
  /** Its place in the row of keys. */
  readonly ordinal: number;
  /** From when on it signs. Published before. */
  readonly activatesAt: Date;
  /** Whether this process can open its private half. */
  readonly usable: boolean;
}

/** How often keys change. */
export interface RingSchedule {
  /** How long a key signs, in milliseconds. */
  readonly period: number;
  /** How long a key is published before it signs, in milliseconds. */
  readonly lead: number;
}

/** The key that signs at `now`: the last that has become active and can be opened. */
export function currentKey<K extends RingKey>(keys: readonly K[], now: Date): K | undefined {
  return keys
    .filter((key) => key.usable && key.activatesAt <= now)
    .reduce<K | undefined>((last, key) => (last && last.ordinal > key.ordinal ? last : key), undefined);
}

/**
 * The next key to be made at `now`, or undefined if none is due. A key is made `lead` before the newest one's
 * period ends and activates only when it has been published that long; at once only where nothing else can sign.
 */
export function dueKey(
  keys: readonly RingKey[],
  now: Date,
  schedule: RingSchedule,
): Omit<RingKey, 'usable'> | undefined {
  const newest = keys.reduce<RingKey | undefined>(
    (last, key) => (last && last.ordinal > key.ordinal ? last : key),
    undefined,
  );
  if (!newest) return { ordinal: 0, activatesAt: now };
  if (!currentKey(keys, now)) return { ordinal: newest.ordinal + 1, activatesAt: now };
  const due = newest.activatesAt.getTime() + schedule.period;
  if (now.getTime() < due - schedule.lead) return undefined;
  return { ordinal: newest.ordinal + 1, activatesAt: new Date(Math.max(due, now.getTime() + schedule.lead)) };
}

/** The keys that can go at `now`: a successor has been signing for longer than any access token lives. */
export function deadKeys<K extends RingKey>(keys: readonly K[], now: Date): K[] {
  return keys.filter((key) =>
    keys.some(
      (successor) =>
        successor.ordinal > key.ordinal &&
        successor.usable &&
        successor.activatesAt.getTime() + MAX_ACCESS_TOKEN_TTL * 1000 < now.getTime(),
    ),
  );
}
