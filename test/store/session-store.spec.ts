import type { Presenter, RefreshPolicy } from '../../src/core/policy.ts';
import fc from 'fast-check';
import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import { decide, disownsParent, type Decision } from '../../src/core/rotation.ts';
import { isTouchDue, type Answered, type Session, type Snapshot } from '../../src/core/session.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { after } from '../core/rules.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from './backends.ts';
import { insert, type Row } from './rows.ts';
import { FAST_FORWARDED, LOGOUT, RECOVERED, REUSE } from './events.ts';

const W = 10_000;
const MINUTE = 60_000;
const R = 2 * MINUTE;

/** A policy that rotates, with a grace window in milliseconds. */
const rotating = (grace: number): RefreshPolicy => ({ grace, recovery: R, mode: 'rotate' });
const TOUCH: RefreshPolicy = { grace: W, recovery: R, mode: 'touch' };
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

/**
 * Where the unused successors of a session begin, and which token they are of: at the generation before, or further
 * back, or at a generation that another release has turned the session away from.
 */
const families = fc.nat(5).chain((generation) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<Partial<Row>>({ generation }) },
    {
      weight: 3,
      arbitrary: fc
        .record({
          siblings: fc.nat(3),
          before: fc.nat(2),
          siblingsAt: fc.constantFrom(0, 0, 0, 1, 2),
          parentDisowned: fc.constantFrom(null, null, false, true),
        })
        .map(({ siblings, before, siblingsAt, parentDisowned }): Partial<Row> => {
          const at = generation - siblingsAt;
          const floor = at - 1 - siblings;
          return { generation, siblingsAt: at, floor, parent: floor - before, parentDisowned };
        }),
    },
  ),
);

/** Any row of a session, the windows, and the generation that somebody presents. */
const situations = fc.tuple(graces, fc.constantFrom(0, R, R), families).chain(([grace, recovery, family]) =>
  fc.record({
    windows: fc.constant({ grace, recovery }),
    presented: fc.oneof(fc.nat(6), fc.constant(Math.max(0, family.parent ?? family.generation! - 1))),
    row: fc
      .record<Partial<Row>>({
        rotated: fc.option(fc.oneof(around(-grace), around(-recovery)), { freq: 4 }),
        revoked: mostlyNot(fc.integer({ min: -100_000, max: 0 })),
        expires: untilDeadline,
        idleExpires: untilDeadline,
        idleTtl: fc.integer({ min: 1, max: 4_000 }),
      })
      .map((row) => ({ ...family, ...row })),
  }),
);

/** To whom and to which key the session is bound, and who presents its token with which proof. */
type Parties = [row: Partial<Row>, presenter?: Presenter];
const NOBODY = fc.constant<Parties>([{}]);
const anybody = fc
  .tuple(
    fc.boolean(),
    fc.constantFrom(null, 'mine'),
    fc.constantFrom('web', 'web', 'other', undefined),
    fc.boolean(),
  )
  .chain(([clientBound, dpopJkt, clientId, proven]) =>
    fc.constantFrom(undefined, 'mine', 'theirs').map((jkt): Parties => {
      const row = clientBound ? { clientBound, dpopJkt } : {};
      if (clientId === undefined) return [row];
      const key = jkt && { jkt, ...(!proven && { binds: true }) };
      return [row, { clientId, ...key, ...(proven && { proven }) }];
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

  /** The session as a refresh that comes to `decision` leaves it. */
  function refreshed(
    { session, now }: Snapshot,
    presented: number,
    decision: Decision,
    presenter?: Presenter,
  ): Session {
    const idle = Math.min(session.expiresAt.getTime(), now.getTime() + session.idleTtl * 1000);
    const dpopJkt = presenter?.binds ? presenter.jkt! : session.dpopJkt;
    return { ...after(session, presented, decision, now), dpopJkt, idleExpiresAt: new Date(idle) };
  }

  /**
   * Runs `act` in any situation. It must change the row if and only if the rules decide `kind`, where `unless` does not
   * hold, and then to what they say.
   */
  async function alwaysAsDecided(
    mode: 'rotate' | 'touch',
    kind: Decision['kind'],
    act: (
      before: Snapshot,
      presented: number,
      policy: RefreshPolicy,
    ) => Promise<Snapshot<Answered> | undefined>,
    unless: (before: Snapshot) => boolean = () => false,
    parties: fc.Arbitrary<Parties> = NOBODY,
  ): Promise<void> {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(situations, parties, async ({ row, presented, windows }, [bound, presenter]) => {
        const policy = { ...windows, mode, ...(presenter && { presenter }) };
        const before = await found(await insert(backend, { ...row, ...bound }));
        const decision = decide(before, presented, policy);
        kinds.set(decision.kind, (kinds.get(decision.kind) ?? 0) + 1);
        const changes = decision.kind === kind && !unless(before);
        const changed = await act(before, presented, policy);
        const left = await found(before.session.id);
        if (changes) {
          expect(left.session).toEqual(refreshed(before, presented, decision, presenter));
          expect(left).toMatchObject(changed!);
        } else expect([changed, left]).toEqual([undefined, before]);
      }),
      { numRuns: 400 },
    );
    // The situations were not all of one kind.
    expect(kinds.size).toBeGreaterThanOrEqual(4);
    expect(kinds.get(kind)).toBeGreaterThan(0);
  }

  describe('a refresh', () => {
    test('turns the row if and only if the rules say "rotate", and then exactly one notch', async () => {
      await alwaysAsDecided('rotate', 'rotate', ({ session }, presented, policy) =>
        store.rotate(session.id, presented, policy),
      );
    });

    test('of a client, too, turns the row if and only if the rules say so of it and its key', async () => {
      await alwaysAsDecided(
        'rotate',
        'rotate',
        ({ session }, presented, policy) => store.rotate(session.id, presented, policy),
        undefined,
        anybody,
      );
    });

    test('of two siblings at once uses one, and disowns the other', async () => {
      const id = await insert(backend, {
        generation: 4,
        parent: 1,
        floor: 1,
        siblingsAt: 4,
        rotated: -W - 1,
      });
      const turned = await Promise.all([2, 3].map((sibling) => store.tryRotate(id, sibling, rotating(W))));
      expect(turned.filter(Boolean)).toHaveLength(1);
      const { session, now } = await found(id);
      expect(session).toMatchObject({ generation: 5, floor: 4, parent: turned[0] ? 2 : 3 });
      const other = turned[0] ? 3 : 2;
      expect(decide({ session, now }, other, rotating(W)).kind).toBe('reuse');
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

  describe('a key', () => {
    test('becomes that of a live session which has none, once', async () => {
      const [id, revoked] = [await insert(backend), await insert(backend, { revoked: -1 })];
      const tried = await Promise.all(['mine', 'theirs'].map((jkt) => store.bind(id, jkt)));
      expect(tried.filter(Boolean)).toHaveLength(1);
      expect((await found(id)).session.dpopJkt).toBe(tried[0] ? 'mine' : 'theirs');
      for (const each of [id, revoked, UNKNOWN]) expect(await store.bind(each, 'another')).toBeUndefined();
    });
  });

  describe('a recovery', () => {
    test('turns the row as the rules say whenever they say "recover"', async () => {
      await alwaysAsDecided('rotate', 'recover', async (before, presented, policy) =>
        decide(before, presented, policy).kind === 'recover'
          ? store.recover(before.session.id, before.session.generation, RECOVERED)
          : undefined,
      );
    });

    test('of which twenty arrive at once turns the row once', async () => {
      const id = await insert(backend, { generation: 4, rotated: -W - 1 });
      const turned = await Promise.all(Array.from({ length: 20 }, () => store.recover(id, 4, RECOVERED)));
      expect(turned.filter(Boolean)).toHaveLength(1);
      expect((await found(id)).session).toMatchObject({ generation: 5, parent: 3, floor: 3 });
    });

    test('that comes too late for a refresh, a revocation or an expiry does nothing', async () => {
      const turned = await insert(backend, { generation: 4, rotated: -W - 1 });
      const revoked = await insert(backend, { generation: 4, revoked: -1 });
      const expired = await insert(backend, { generation: 4, idleExpires: 0 });
      await store.rotate(turned, 4, rotating(W));
      for (const id of [turned, revoked, expired, UNKNOWN])
        expect(await store.recover(id, 4, RECOVERED)).toBeUndefined();
    });

    test('leaves nothing behind in the row once its newest successor is used', async () => {
      const id = await insert(backend, { generation: 4, rotated: -W - 1 });
      await store.recover(id, 4, RECOVERED);
      await backend.advance(W + 1);
      await store.rotate(id, 5, rotating(W));
      expect(
        await backend.query('SELECT parent, floor, siblings_at FROM public.sessions WHERE id = $1::uuid', [
          id,
        ]),
      ).toEqual([{ parent: null, floor: null, siblings_at: null }]);
    });
  });

  describe('a row that is behind its token', () => {
    test('catches up if and only if the rules say "fast-forward"', async () => {
      await alwaysAsDecided('touch', 'fast-forward', ({ session }, presented) =>
        store.fastForward(session.id, presented, FAST_FORWARDED),
      );
    });

    test('catches up one further when the token is also to be rotated, and its window starts', async () => {
      const id = await insert(backend, { generation: 2, rotated: -5 * W });
      const forwarded = (await store.fastForward(id, 8, FAST_FORWARDED))!;
      expect(forwarded.session).toMatchObject({ generation: 8, rotatedAt: forwarded.now });
      expect(decide(forwarded, 7, rotating(W))).toEqual({ kind: 'retry', generation: 8 });
    });

    test('never goes back, however many tokens race', async () => {
      const id = await insert(backend, { generation: 2 });
      await Promise.all(
        [9, 4, 7, 8, 3].map((generation) => store.fastForward(id, generation, FAST_FORWARDED)),
      );
      expect((await found(id)).session.generation).toBe(9);
    });

    test('of a session that is not there does not come into being', async () => {
      expect(await store.fastForward(UNKNOWN, 5, FAST_FORWARDED)).toBeUndefined();
      expect(await store.find(UNKNOWN)).toBeUndefined();
    });
  });

  describe('a touch', () => {
    test.each(['touch', 'coalesce'] as const)(
      'is written if and only if the rules say "%s", and the idle deadline is due or a parent to be disowned',
      async (kind) => {
        const disowns = (before: Snapshot): boolean => disownsParent(before, { kind, generation: 0 });
        await alwaysAsDecided(
          kind === 'touch' ? 'touch' : 'rotate',
          kind,
          async (before, presented, policy) => {
            const { id, generation } = before.session;
            if (decide(before, presented, policy).kind !== kind) return undefined;
            return disowns(before) ? store.disownParent(id, generation) : store.touch(id, generation);
          },
          (before) => !isTouchDue(before) && !disowns(before),
        );
      },
    );

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
        expect(decide(await store.find(id), 0, TOUCH).kind).toBe('touch');
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

    test.each([
      [3, { parent: 0, floor: 1, parentDisowned: true }],
      [2, { parent: 2, floor: 2, parentDisowned: false }],
    ])('at generation 3 whose siblings were written for %d is found with %j', async (siblingsAt, family) => {
      const id = await insert(backend, {
        generation: 3,
        siblingsAt,
        parent: 0,
        floor: 1,
        parentDisowned: true,
      });
      expect((await found(id)).session).toMatchObject(family);
    });

    test('that is not there is not found', async () => {
      expect(await store.find(UNKNOWN)).toBeUndefined();
    });

    test('is ended once, and whoever was first is remembered', async () => {
      const id = await insert(backend);
      expect((await store.revoke(id, REUSE))?.session).toMatchObject({ id, revokedBy: 'reuse' });
      const { session, now } = await found(id);
      expect(session).toMatchObject({ revokedAt: now, revokedBy: 'reuse' });
      await backend.advance(1_000);
      expect(await store.revoke(id, LOGOUT)).toBeUndefined();
      expect((await found(id)).session).toEqual(session);
      expect(await store.revoke(UNKNOWN, LOGOUT)).toBeUndefined();
    });

    test('that is ended is not revived by any verb, inside its window or not', async () => {
      const id = await insert(backend, { generation: 1, rotated: 0 });
      await store.revoke(id, REUSE);
      const before = await found(id);
      expect(await store.rotate(id, 1, rotating(0))).toBeUndefined();
      expect(await store.fastForward(id, 2, FAST_FORWARDED)).toBeUndefined();
      await backend.advance(10 * MINUTE);
      expect(await store.touch(id, 1)).toBeUndefined();
      expect((await found(id)).session).toEqual(before.session);
    });

    test('that is refreshed and ended at once ends', async () => {
      const id = await insert(backend);
      await Promise.all([
        store.rotate(id, 0, rotating(W)),
        store.revoke(id, LOGOUT),
        store.rotate(id, 0, rotating(W)),
      ]);
      expect((await found(id)).session.revokedBy).toBe('logout');
    });
  });
});
