import fc from 'fast-check';
import { MAX_ACCESS_TOKEN_TTL } from '../../src/core/access-token.ts';
import { currentKey, deadKeys, dueKey, type RingKey } from '../../src/core/key-ring.ts';
import { NOW, fromNow } from './a-session.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const schedule = { period: 30 * DAY, lead: DAY };

/** A key that becomes active so many milliseconds from NOW. */
function key(ordinal: number, activates: number, usable = true): RingKey {
  return { ordinal, activatesAt: fromNow(activates), usable };
}

describe('the key that signs', () => {
  test('is the last that has become active', () => {
    const ring = [key(0, -60 * DAY), key(1, -30 * DAY), key(2, 1)];
    expect(currentKey(ring, NOW)?.ordinal).toBe(1);
    expect(currentKey(ring, fromNow(1))?.ordinal).toBe(2);
  });

  test('is the same in whatever order the database gives the keys', () => {
    const ring = [key(1, -30 * DAY), key(2, DAY), key(0, -60 * DAY)];
    expect(currentKey(ring, NOW)?.ordinal).toBe(1);
    expect(currentKey(ring.toReversed(), NOW)?.ordinal).toBe(1);
  });

  test('is one that this process can open', () => {
    expect(currentKey([key(0, -60 * DAY), key(1, -30 * DAY, false)], NOW)?.ordinal).toBe(0);
  });

  test('is none if no key is active, can be opened, or is there', () => {
    expect(currentKey([key(0, 1)], NOW)).toBeUndefined();
    expect(currentKey([key(0, -DAY, false)], NOW)).toBeUndefined();
    expect(currentKey<RingKey>([], NOW)).toBeUndefined();
  });
});

describe('the next key', () => {
  test('is made at once and signs at once when there is none at all', () => {
    expect(dueKey([], NOW, schedule)).toEqual({ ordinal: 0, activatesAt: NOW });
  });

  test('is made a lead before the period of the newest one ends, and not earlier', () => {
    const ends = schedule.period - schedule.lead;
    expect(dueKey([key(0, -ends + 1)], NOW, schedule)).toBeUndefined();
    expect(dueKey([key(0, -ends)], NOW, schedule)).toEqual({
      ordinal: 1,
      activatesAt: fromNow(schedule.lead),
    });
  });

  test('is published for a whole lead before it signs, also when the clock is far ahead after a long pause', () => {
    const asleepForAYear = [key(0, -365 * DAY)];
    const made = dueKey(asleepForAYear, NOW, schedule)!;
    expect(made).toEqual({ ordinal: 1, activatesAt: fromNow(schedule.lead) });
    const ring = [...asleepForAYear, { ...made, usable: true }];
    expect(currentKey(ring, NOW)?.ordinal).toBe(0);
    expect(currentKey(ring, fromNow(schedule.lead))?.ordinal).toBe(1);
    expect(deadKeys(ring, fromNow(schedule.lead))).toEqual([]);
  });

  test('is not made twice: while one waits, none is due', () => {
    expect(dueKey([key(0, -29 * DAY), key(1, DAY)], NOW, schedule)).toBeUndefined();
  });

  test('is made and signs at once if nobody can open the keys there are', () => {
    expect(dueKey([key(0, -60 * DAY, false), key(1, -30 * DAY, false)], NOW, schedule)).toEqual({
      ordinal: 2,
      activatesAt: NOW,
    });
  });

  test('is not made for a key that cannot be opened as long as an older one still signs', () => {
    expect(dueKey([key(0, -10 * DAY), key(1, -DAY, false)], NOW, schedule)).toBeUndefined();
  });

  test('is given a place after the newest, also if that cannot be opened or does not sign yet', () => {
    expect(dueKey([key(7, DAY, false)], NOW, schedule)).toEqual({ ordinal: 8, activatesAt: NOW });
    expect(dueKey([key(7, DAY)], NOW, schedule)).toEqual({ ordinal: 8, activatesAt: NOW });
  });

  test('is the same for two replicas that look at once, so that one place in the row decides', () => {
    const ring = [key(0, -40 * DAY), key(1, -29 * DAY)];
    expect(dueKey(ring.toReversed(), NOW, schedule)).toEqual(dueKey(ring, NOW, schedule));
  });
});

describe('a retired key', () => {
  const longestLife = MAX_ACCESS_TOKEN_TTL * 1000;

  test('is kept until the last token that it can have signed has expired', () => {
    const ring = [key(0, -60 * DAY), key(1, -longestLife)];
    expect(deadKeys(ring, NOW)).toEqual([]);
    expect(deadKeys(ring, fromNow(1))).toEqual([ring[0]]);
  });

  test('is kept as long as no successor can sign', () => {
    expect(deadKeys([key(0, -60 * DAY), key(1, -30 * DAY, false)], NOW)).toEqual([]);
    expect(deadKeys([key(0, -60 * DAY), key(1, DAY)], NOW)).toEqual([]);
    expect(deadKeys([key(0, -900 * DAY)], NOW)).toEqual([]);
  });

  test('goes together with all others before the same successor, whether it can be opened or not', () => {
    const ring = [key(0, -90 * DAY), key(1, -60 * DAY, false), key(2, -30 * DAY)];
    expect(deadKeys(ring, NOW).map(({ ordinal }) => ordinal)).toEqual([0, 1]);
  });
});

describe('over years, whenever a replica happens to look', () => {
  const pauses = fc.array(fc.oneof(fc.nat(2 * HOUR), fc.nat(3 * DAY), fc.nat(400 * DAY)), {
    minLength: 1,
    maxLength: 60,
  });
  const schedules = fc
    .tuple(fc.integer({ min: HOUR, max: 90 * DAY }), fc.integer({ min: 1, max: 4 }))
    .map(([period, part]) => ({ period, lead: Math.min(DAY, period / (4 * part)) }));

  test('a key is published a lead before it signs, and stays until its tokens have expired', () => {
    fc.assert(
      fc.property(pauses, schedules, (steps, changing) => {
        let now = NOW;
        let ring: RingKey[] = [];
        const published = new Map<number, Date>();
        const signed: { ordinal: number; expires: number }[] = [];
        for (const pause of steps) {
          const due = dueKey(ring, now, changing);
          if (due) {
            ring.push({ ...due, usable: true });
            published.set(due.ordinal, now);
          }
          const dead = deadKeys(ring, now);
          ring = ring.filter((each) => !dead.includes(each));

          for (const at of [now, new Date(now.getTime() + pause)]) {
            const { ordinal } = currentKey(ring, at)!;
            signed.push({ ordinal, expires: at.getTime() + MAX_ACCESS_TOKEN_TTL * 1000 });
            if (ordinal > 0) {
              expect(at.getTime() - published.get(ordinal)!.getTime()).toBeGreaterThanOrEqual(changing.lead);
            }
          }
          const kept = new Set(ring.map(({ ordinal }) => ordinal));
          const living = signed.filter(({ expires }) => expires > now.getTime());
          expect(living.filter(({ ordinal }) => !kept.has(ordinal))).toEqual([]);
          now = new Date(now.getTime() + pause);
        }
      }),
    );
  });
});
