import type { RefreshPolicy } from '../../src/core/policy.ts';
import fc from 'fast-check';
import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import { decide, type Decision } from '../../src/core/rotation.ts';
import type { Session, Snapshot } from '../../src/core/session.ts';
import { PrismaSessionStore } from '../../src/store/prisma-session-store.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from './backends.ts';
import { insert, type Row } from './rows.ts';

/** A policy that rotates, with a grace window in milliseconds. */
const rotating = (grace: number): RefreshPolicy => ({ grace, mode: 'rotate' });

const W = 10_000;
const MINUTE = 60_000;
const UNKNOWN = sessionIdOf(newHandle());

/** Offsets that crowd around a boundary, and others. */
const around = (boundary: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: boundary - 2, max: boundary + 2 }), fc.integer({ min: -200_000, max: 1_000 }));
const untilDeadline = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 3_000_000 }) },
);
const mostlyNot = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<number | null> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
const graces = fc.constantFrom(0, 1, W, MINUTE);

/** Any row of a session, the window, and the generation that somebody presents. */
const situations = graces.chain((grace) =>
  fc.record({
    grace: fc.constant(grace),
    presented: fc.nat(4),
    row: fc.record<Partial<Row>>({
      generation: fc.nat(4),
      rotated: fc.option(around(-grace), { freq: 4 }),
      revoked: mostlyNot(fc.integer({ min: -100_000, max: 0 })),
      expires: untilDeadline,
      idleExpires: untilDeadline,
      idleTtl: fc.integer({ min: 1, max: 4_000 }),
    }),
  }),
);

describe.each(BACKENDS)('on %s', (_name, open) => {
  let backend: Backend;
  let store: PrismaSessionStore;

  beforeAll(async () => {
    backend = await open();
    store = new PrismaSessionStore(backend.database, BATCH_SIZE);
  });

  afterAll(() => backend.close());

  async function found(id: string): Promise<Snapshot> {
    return (await store.find(id))!;
  }

  /** The session as a refresh at `now` leaves it. */
  function refreshed({ session, now }: Snapshot, generation: number, rotatedAt: Date | null): Session {
    const idle = Math.min(session.expiresAt.getTime(), now.getTime() + session.idleTtl * 1000);
    return { ...session, generation, rotatedAt, idleExpiresAt: new Date(idle) };
  }

  /** Runs `act` in any situation and holds what it does to the row against `expected`, which says what the rules say. */
  async function alwaysAsDecided(
    mode: 'rotate' | 'touch',
    act: (id: string, presented: number, grace: number) => Promise<Snapshot | undefined>,
    expected: (decision: Decision, before: Snapshot) => Session | undefined,
  ): Promise<void> {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(situations, async ({ row, presented, grace }) => {
        const id = await insert(backend, row);
        const before = await found(id);
        const decision = decide(before, presented, { grace, mode });
        kinds.add(decision.kind);
        const after = await act(id, presented, grace);
        expect(after?.session).toEqual(expected(decision, before));
        expect(await found(id)).toEqual(after ?? before);
      }),
      { numRuns: 300 },
    );
    // The situations were not all of one kind.
    expect(kinds.size).toBeGreaterThanOrEqual(4);
  }

  describe('a refresh', () => {
    test('turns the row if and only if the rules say "rotate", and then exactly one notch', async () => {
      await alwaysAsDecided(
        'rotate',
        (id, presented, grace) => store.rotate(id, presented, rotating(grace)),
        (decision, before) =>
          decision.kind === 'rotate' ? refreshed(before, decision.generation, before.now) : undefined,
      );
    });

    test.each([
      [0, false],
      [W - 1, false],
      [W, false],
      [W + 1, true],
    ])('%d ms after a rotation, with a window of 10 s: %s', async (ago, turns) => {
      const id = await insert(backend, { generation: 3, rotated: -ago });
      expect((await store.rotate(id, 3, rotating(W))) !== undefined).toBe(turns);
    });

    test('of which twenty arrive at once turns the row once', async () => {
      const id = await insert(backend, { generation: 3, rotated: -W - 1 });
      const turned = await Promise.all(Array.from({ length: 20 }, () => store.rotate(id, 3, rotating(W))));
      expect(turned.filter(Boolean)).toHaveLength(1);
      expect((await found(id)).session.generation).toBe(4);
    });

    test('in strict mode, of which twenty arrive at once, turns the row once', async () => {
      const id = await insert(backend);
      const turned = await Promise.all(Array.from({ length: 20 }, () => store.rotate(id, 0, rotating(0))));
      expect(turned.filter(Boolean)).toHaveLength(1);
      expect((await found(id)).session.generation).toBe(1);
    });

    test('of a session that is not there turns nothing', async () => {
      expect(await store.rotate(UNKNOWN, 0, rotating(W))).toBeUndefined();
    });

    test('moves the idle deadline, but never past the absolute one', async () => {
      const id = await insert(backend, { expires: 50_000, idleExpires: 1_000, idleTtl: 30 });
      const { session, now } = (await store.rotate(id, 0, rotating(0)))!;
      expect(session.idleExpiresAt.getTime() - now.getTime()).toBe(30_000);
      await backend.advance(25_000);
      const later = (await store.rotate(id, 1, rotating(0)))!;
      expect(later.session.idleExpiresAt).toEqual(later.session.expiresAt);
      expect(later.session.expiresAt).toEqual(session.expiresAt);
    });
  });

  describe('a row that is behind its token', () => {
    test('catches up if and only if the rules say "fast-forward"', async () => {
      await alwaysAsDecided(
        'touch',
        (id, presented) => store.fastForward(id, presented),
        (decision, before) =>
          decision.kind === 'fast-forward' ? refreshed(before, decision.generation, before.now) : undefined,
      );
    });

    test('catches up one further when the token is also to be rotated, and its window starts', async () => {
      const id = await insert(backend, { generation: 2, rotated: -5 * W });
      const forwarded = (await store.fastForward(id, 8))!;
      expect(forwarded.session).toMatchObject({ generation: 8, rotatedAt: forwarded.now });
      expect(decide(forwarded, 7, { grace: W, mode: 'rotate' })).toEqual({ kind: 'replay', generation: 8 });
    });

    test('never goes back, however many tokens race', async () => {
      const id = await insert(backend, { generation: 2 });
      await Promise.all([9, 4, 7, 8, 3].map((generation) => store.fastForward(id, generation)));
      expect((await found(id)).session.generation).toBe(9);
    });

    test('of a session that is not there does not come into being', async () => {
      expect(await store.fastForward(UNKNOWN, 5)).toBeUndefined();
      expect(await store.find(UNKNOWN)).toBeUndefined();
    });
  });

  describe('a touch', () => {
    test('moves the idle deadline if and only if the rules say "touch" and it moves by more than a minute', async () => {
      await alwaysAsDecided(
        'touch',
        (id, presented) => store.touch(id, presented),
        (decision, before) => {
          const { session } = before;
          const touched = refreshed(before, session.generation, session.rotatedAt);
          // How often a session is touched that may be idle for a few minutes only is tested below.
          fc.pre(session.idleTtl > 240);
          const moves = touched.idleExpiresAt.getTime() - session.idleExpiresAt.getTime() > MINUTE;
          return decision.kind === 'touch' && moves ? touched : undefined;
        },
      );
    });

    test('is written at most once a minute, however often the client comes', async () => {
      const id = await insert(backend, { idleTtl: 3_600, idleExpires: 3_600_000 });
      let written = 0;
      for (let second = 0; second < 300; second += 10) {
        await backend.advance(10_000);
        if (await store.touch(id, 0)) written++;
      }
      expect(written).toBe(4);
    });

    test('every half minute keeps a session going that may be idle for a minute', async () => {
      const id = await insert(backend, { idleTtl: 60, idleExpires: MINUTE });
      for (let each = 0; each < 4; each++) {
        await backend.advance(30_000);
        await store.touch(id, 0);
        expect(decide(await store.find(id), 0, { grace: W, mode: 'touch' }).kind).toBe('touch');
      }
    });
  });

  describe('a session', () => {
    test('is found as it is, with the time of the database', async () => {
      const id = await insert(backend, {
        generation: 7,
        rotated: -5,
        revoked: -3,
        expires: 9,
        idleExpires: 8,
      });
      const { session, now } = await found(id);
      const fromNow = (time: Date | null): number => time!.getTime() - now.getTime();
      expect(session).toMatchObject({
        id,
        subject: 'ada',
        clientId: 'web',
        generation: 7,
        revokedBy: 'logout',
      });
      expect(
        [session.rotatedAt, session.revokedAt, session.expiresAt, session.idleExpiresAt].map(fromNow),
      ).toEqual([-5, -3, 9, 8]);
      await backend.advance(1_234);
      expect((await found(id)).now.getTime() - now.getTime()).toBe(1_234);
    });

    test('that is not there is not found', async () => {
      expect(await store.find(UNKNOWN)).toBeUndefined();
    });

    test('is ended once, and whoever was first is remembered', async () => {
      const id = await insert(backend);
      expect(await store.revoke(id, 'reuse')).toBe(true);
      const { session, now } = await found(id);
      expect(session).toMatchObject({ revokedAt: now, revokedBy: 'reuse' });
      await backend.advance(1_000);
      expect(await store.revoke(id, 'logout')).toBe(false);
      expect((await found(id)).session).toEqual(session);
      expect(await store.revoke(UNKNOWN, 'logout')).toBe(false);
    });

    test('that is ended is not revived by any verb, inside its window or not', async () => {
      const id = await insert(backend, { generation: 1, rotated: 0 });
      await store.revoke(id, 'reuse');
      const before = await found(id);
      expect(await store.rotate(id, 1, rotating(0))).toBeUndefined();
      expect(await store.fastForward(id, 2)).toBeUndefined();
      await backend.advance(10 * MINUTE);
      expect(await store.touch(id, 1)).toBeUndefined();
      expect((await found(id)).session).toEqual(before.session);
    });

    test('that is refreshed and ended at once ends', async () => {
      const id = await insert(backend);
      await Promise.all([
        store.rotate(id, 0, rotating(W)),
        store.revoke(id, 'logout'),
        store.rotate(id, 0, rotating(W)),
      ]);
      expect((await found(id)).session.revokedBy).toBe('logout');
    });
  });
});
