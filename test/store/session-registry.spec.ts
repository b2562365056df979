import { jest } from '@jest/globals';
import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import type { Snapshot } from '../../src/core/session.ts';
import { Database } from '../../src/store/database/database.ts';
import { PrismaBulkRevocations } from '../../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaClientStore } from '../../src/store/prisma/prisma-client-store.ts';
import { PrismaSessionRegistry } from '../../src/store/prisma/prisma-session-registry.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { Unavailable } from '../../src/core/unavailable.ts';
import { TestDatabase } from '../support/database.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from './backends.ts';
import { insert, newSession, registration } from './rows.ts';
import type { Swept } from '../../src/store/session-registry.ts';
import { AMENDED, BY_SERVICE } from './events.ts';

const DAY = 86_400_000;
const UNKNOWN = sessionIdOf(newHandle());

describe.each(BACKENDS)('on %s', (_name, open) => {
  let backend: Backend;
  let registry: PrismaSessionRegistry;
  let store: PrismaSessionStore;

  beforeAll(async () => {
    backend = await open();
    registry = new PrismaSessionRegistry(
      backend.database,
      new PrismaBulkRevocations(backend.database),
      BATCH_SIZE,
    );
    store = new PrismaSessionStore(backend.database, BATCH_SIZE);
  });

  afterAll(() => backend.close());

  const idsOf = (snapshots: readonly Snapshot[]): string[] => snapshots.map(({ session }) => session.id);

  describe('a login backend that opens a session', () => {
    test('finds in it all it gave', async () => {
      const given = newSession({
        subject: `Robert'); DROP TABLE sessions; -- "ada" \\ 😀`,
        scope: 'read write',
        audience: ['https://one.example', 'a, b', '{"c"}', 'NULL', ''],
        claims: {
          nested: { list: [1, 'zwei', null, true] },
          ümlaut: '日本',
          quote: `'"\\`,
          big: 2 ** 53 - 1,
        },
        device: 'Ada’s phone',
        amr: ['pwd', 'otp'],
        acr: 'urn:mfa',
        authTime: new Date('2020-02-29T23:59:59.999Z'),
      });
      const opened = await registry.open(given);
      const { maxTtl: _maxTtl, event: _event, ...kept } = given;
      expect(opened.session).toMatchObject(kept);
      expect(await store.find(given.id)).toEqual(opened);
    });

    test('shares a statement with others, and is given its own session', async () => {
      const statements = jest.spyOn(backend.database, 'run');
      const given = Array.from({ length: 100 }, (_, index) =>
        newSession({
          subject: `subject-${index}`,
          claims: { index },
          audience: index % 2 ? [] : [`a-${index}`],
        }),
      );
      const opened = await Promise.all(given.map((session) => registry.open(session)));
      const expected = given.map(({ maxTtl: _maxTtl, event: _event, ...kept }) => kept);
      expect(opened.map(({ session }) => session)).toMatchObject(expected);
      expect(statements).toHaveBeenCalledTimes(
        BATCH_SIZE > 1 ? Math.ceil(given.length / BATCH_SIZE) : given.length,
      );
      statements.mockRestore();
    });

    test('finds nothing in it that it did not give', async () => {
      const { session, now } = await registry.open(newSession());
      expect(session).toMatchObject({
        scope: null,
        audience: [],
        claims: {},
        device: null,
        amr: [],
        acr: null,
        authTime: now,
        createdAt: now,
        generation: 0,
        rotatedAt: null,
        revokedAt: null,
        revokedBy: null,
      });
    });

    test('gets the lifetimes it asked for, counted by the clock of the database', async () => {
      const { session, now } = await registry.open(newSession({ idleTtl: 60, maxTtl: 3_600 }));
      expect(session.idleExpiresAt.getTime() - now.getTime()).toBe(60_000);
      expect(session.expiresAt.getTime() - now.getTime()).toBe(3_600_000);
    });

    test('gets a session that is idle no longer than it lives', async () => {
      const { session } = await registry.open(newSession({ idleTtl: 7_200, maxTtl: 3_600 }));
      expect(session.idleExpiresAt).toEqual(session.expiresAt);
    });

    test('may let it live for ten years', async () => {
      const { session, now } = await registry.open(newSession({ maxTtl: 3_650 * 86_400 }));
      expect(session.expiresAt.getTime() - now.getTime()).toBe(3_650 * DAY);
    });

    test('ends the one whose place it takes, at once, if it is of the same subject', async () => {
      const [former, ofAnother] = [newSession({ subject: 'ada' }), newSession({ subject: 'bob' })];
      await registry.open(former);
      await registry.open(ofAnother);
      const { session } = await registry.open(newSession({ subject: 'ada', replaces: former.id }));
      expect(session.revokedAt).toBeNull();
      expect((await store.find(former.id))!.session).toMatchObject({ revokedBy: 'service' });
      for (const replaces of [ofAnother.id, former.id, UNKNOWN]) {
        const before = await store.find(replaces);
        await registry.open(newSession({ subject: 'ada', replaces }));
        expect((await store.find(replaces))?.session).toEqual(before?.session);
      }
    });

    test('ends nothing where it cannot be opened, as its client is gone', async () => {
      const former = newSession({ subject: 'ada' });
      await registry.open(former);
      const late = newSession({ subject: 'ada', replaces: former.id, clientId: 'gone', clientBound: true });
      await expect(registry.open(late)).rejects.toBeInstanceOf(Unavailable);
      expect((await store.find(former.id))!.session.revokedAt).toBeNull();
    });

    test('cannot open it twice', async () => {
      const given = newSession();
      const first = await registry.open(given);
      await expect(registry.open({ ...given, subject: 'eve' })).rejects.not.toBeInstanceOf(Unavailable);
      expect(await store.find(given.id)).toEqual(first);
    });
  });

  describe('support that lists the sessions of a subject', () => {
    test('sees them page by page, newest first, each once, also those of one moment', async () => {
      const opened: string[] = [];
      for (let each = 0; each < 7; each++) {
        opened.unshift((await registry.open(newSession({ subject: 'grace' }))).session.id);
        if (each % 3 === 2) await backend.advance(1);
      }
      await registry.open(newSession({ subject: 'Grace' }));
      const pages: Snapshot[][] = [];
      for (let last: Snapshot | undefined, more = true; more; last = pages.at(-1)!.at(-1)) {
        const cursor = last && { createdAt: last.session.createdAt, id: last.session.id };
        pages.push(await registry.list('grace', 2, cursor));
        more = pages.at(-1)!.length === 2;
      }
      const listed = pages.flat();
      expect(pages.map((page) => page.length)).toEqual([2, 2, 2, 1]);
      expect(idsOf(listed).toSorted()).toEqual(opened.toSorted());
      const keys = listed.map(({ session }) => `${session.createdAt.toISOString()} ${session.id}`);
      expect(keys).toEqual(keys.toSorted().reverse());
    });

    test('sees those that are over, too', async () => {
      const ended = await insert(backend, { subject: 'over', revoked: -1 });
      const expired = await insert(backend, { subject: 'over', expires: -2, idleExpires: -2 });
      expect(idsOf(await registry.list('over', 9)).toSorted()).toEqual([ended, expired].toSorted());
    });

    test('sees nothing of a stranger', async () => {
      expect(await registry.list('nobody', 9)).toEqual([]);
      expect(await registry.list('%', 9)).toEqual([]);
    });
  });

  describe('a login backend that amends a session', () => {
    test('changes what it names and nothing else', async () => {
      const before = await registry.open(newSession({ claims: { plan: 'free', old: 1 }, scope: 'read' }));
      const { id } = before.session;
      const claims = { plan: 'gold' };
      expect(await registry.amend(id, { claims }, AMENDED)).toEqual({
        ...before,
        session: { ...before.session, claims },
      });
      expect((await registry.amend(id, { scope: 'write' }, AMENDED))?.session).toEqual({
        ...before.session,
        claims,
        scope: 'write',
      });
      expect((await registry.amend(id, { scope: null }, AMENDED))?.session.scope).toBeNull();
      expect((await registry.amend(id, { claims: {}, scope: 'all' }, AMENDED))?.session).toEqual({
        ...before.session,
        claims: {},
        scope: 'all',
      });
      expect((await registry.amend(id, {}, AMENDED))?.session).toMatchObject({ claims: {}, scope: 'all' });
    });

    test('finds none that is over or was never there', async () => {
      for (const row of [{ revoked: 0 }, { expires: 0 }, { idleExpires: 0 }]) {
        const id = await insert(backend, row);
        expect(await registry.amend(id, { scope: 'more' }, AMENDED)).toBeUndefined();
        expect((await store.find(id))!.session.scope).toBeNull();
      }
      expect(await registry.amend(UNKNOWN, { scope: 'more' }, AMENDED)).toBeUndefined();
    });
  });

  describe('a subject who logs out everywhere', () => {
    test('ends all live sessions but the one at hand, and nobody else’s', async () => {
      const subject = 'linus';
      const [here, there, elsewhere] = [
        await insert(backend, { subject }),
        await insert(backend, { subject }),
        await insert(backend, { subject, generation: 5, rotated: 0 }),
      ];
      const loggedOut = await insert(backend, { subject, revoked: -1_000 });
      const expired = await insert(backend, { subject, idleExpires: 0 });
      const others = await insert(backend, { subject: 'ada' });
      const untouched = await Promise.all([here, loggedOut, expired, others].map((id) => store.find(id)));

      expect(await registry.revokeAll({ subject }, BY_SERVICE, { except: here })).toEqual({
        revoked: 2,
        pending: false,
      });
      for (const id of [there, elsewhere]) {
        const { session, now } = (await store.find(id))!;
        expect(session).toMatchObject({ revokedBy: 'service', revokedAt: now });
      }
      expect(await Promise.all([here, loggedOut, expired, others].map((id) => store.find(id)))).toEqual(
        untouched,
      );
      expect(await registry.revokeAll({ subject }, BY_SERVICE)).toEqual({ revoked: 1, pending: false });
      expect(await registry.revokeAll({ subject }, BY_SERVICE)).toEqual({ revoked: 0, pending: false });
    });
  });

  describe('the clean-up', () => {
    const WALK = { page: 100, retention: 86_400, afterDeleting: 0, afterLooking: 0, between: 0 };

    beforeEach(async () => {
      await backend.query('DELETE FROM public.sessions');
      await backend.query(
        `UPDATE public.session_walk SET next_at = now() - interval '1 second', place = NULL, live = 0, unused = 0, finished_at = NULL`,
      );
    });

    test('deletes only sessions that have been dead for a day', async () => {
      const kept = [
        await insert(backend),
        await insert(backend, { expires: -DAY, idleExpires: -DAY }),
        await insert(backend, { expires: -1, idleExpires: -1 }),
        // Whoever presents a token of these is told that the session was ended, rather than that there is none.
        await insert(backend, { revoked: -9 * DAY }),
        await insert(backend, { idleExpires: -DAY }),
      ];
      await insert(backend, { expires: -DAY - 1, idleExpires: -DAY - 1 });
      await insert(backend, { idleExpires: -DAY - 1 });
      await insert(backend, { revoked: -9 * DAY, idleExpires: -DAY - 1 });
      await insert(backend, { expires: -999 * DAY, idleExpires: -999 * DAY });
      expect(await registry.sweep(WALK)).toEqual({ made: true, over: false, deleted: 4, met: null });
      expect(await registry.sweep(WALK)).toMatchObject({
        over: true,
        deleted: 0,
        met: { live: 1, unused: 0 },
      });
      const left = (await backend.query('SELECT id FROM public.sessions')) as { id: string }[];
      expect(left.map(({ id }) => id).toSorted()).toEqual(kept.toSorted());
    });

    test('walks over all sessions in pages, and comes to an end', async () => {
      const ids: string[] = [];
      for (let each = 0; each < 7; each++) {
        ids.push(await insert(backend, each % 2 === 0 ? { expires: -2 * DAY, idleExpires: -2 * DAY } : {}));
      }
      const places: unknown[] = [];
      let deleted = 0;
      for (let over = false; !over && places.length < 9;) {
        const step = await registry.sweep({ ...WALK, page: 3 });
        ({ over } = step);
        deleted += step.deleted;
        places.push(
          ((await backend.query('SELECT place FROM public.session_walk')) as { place: unknown }[])[0]!.place,
        );
      }
      const ends = [2, 5, 6].map((at) => ids.toSorted()[at]);
      expect(places).toEqual([...ends, null]);
      expect(deleted).toBe(4);
      expect(await backend.query('SELECT 1 FROM public.sessions')).toHaveLength(3);
    });

    test('of an empty table ends at once', async () => {
      expect(await registry.sweep(WALK)).toMatchObject({
        made: true,
        over: true,
        deleted: 0,
        met: { live: 0 },
      });
    });

    test('makes no step before its time, whoever comes', async () => {
      for (let each = 0; each < 3; each++)
        await insert(backend, { expires: -2 * DAY, idleExpires: -2 * DAY });
      const slowly = { ...WALK, page: 1, afterDeleting: 3_600_000 };
      expect(await registry.sweep(slowly)).toMatchObject({ made: true, deleted: 1 });
      const others = await Promise.all(Array.from({ length: 10 }, () => registry.sweep(slowly)));
      expect(others.map(({ made, deleted }) => [made, deleted])).toEqual(others.map(() => [false, 0]));
      expect(await backend.query('SELECT 1 FROM public.sessions')).toHaveLength(2);
    });

    test('is one walk, however many go it at once', async () => {
      for (let each = 0; each < 20; each++)
        await insert(backend, each % 2 === 0 ? { expires: -2 * DAY, idleExpires: -2 * DAY } : {});
      const steps: Swept[] = [];
      const go = async (): Promise<void> => {
        while (!steps.some(({ over }) => over))
          steps.push(await registry.sweep({ ...WALK, page: 2, between: 3_600_000 }));
      };
      await Promise.all([1, 2, 3, 4].map(go));
      expect(steps.filter(({ made }) => made)).toHaveLength(11);
      expect(steps.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(10);
      expect(steps.find(({ over }) => over)!.met).toMatchObject({ live: 10 });
    });
  });
});

test('a session of a client that is being removed is opened, or is not, when that is decided, and no other waits', async () => {
  const server = await TestDatabase.create();
  const database = await Database.open({ kind: 'postgresql', url: server.url });
  const bulk = new PrismaBulkRevocations(database);
  const registry = new PrismaSessionRegistry(database, bulk, BATCH_SIZE);
  const clients = new PrismaClientStore(database, bulk);
  const removal = await server.connect();
  try {
    for (const id of ['stays', 'leaves']) await clients.add(registration(id));
    const openAt = (clientId: string): Promise<Snapshot> =>
      registry.open(newSession({ clientId, clientBound: true }));
    for (const [end, outcome] of [
      ['ROLLBACK', { status: 'fulfilled' }],
      ['COMMIT', { status: 'rejected', reason: new Unavailable('client_removed') }],
    ] as const) {
      await removal.query('BEGIN');
      await removal.query(`DELETE FROM public.clients WHERE id = 'leaves'`);
      const [leaving, ...others] = [openAt('leaves'), openAt('stays'), registry.open(newSession())];
      const settled = Promise.allSettled([leaving]);
      await Promise.all(others);
      await removal.query(end);
      expect(await settled).toMatchObject([outcome]);
    }
    expect(await server.query(`SELECT FROM public.sessions WHERE client_id = 'leaves'`)).toHaveLength(1);
  } finally {
    await removal.end();
    await database.close();
    await server.drop();
  }
});

test('a server whose time zone is elsewhere shifts no time', async () => {
  const server = await TestDatabase.create();
  await server.freeze();
  const [{ name }] = (await server.query<{ name: string }>('SELECT current_database() AS name')) as [
    { name: string },
  ];
  await server.query(`ALTER DATABASE ${name} SET timezone = 'Asia/Kathmandu'`);
  const database = await Database.open({ kind: 'postgresql', url: server.url });
  try {
    const authTime = new Date('2020-02-29T23:59:59.999Z');
    const { session, now } = await new PrismaSessionRegistry(
      database,
      new PrismaBulkRevocations(database),
      BATCH_SIZE,
    ).open(newSession({ authTime }));
    expect(session).toMatchObject({ authTime, createdAt: now });
    const [row] = await server.query<{ auth_time: Date; created_at: Date }>('SELECT * FROM public.sessions');
    expect(row).toMatchObject({ auth_time: authTime, created_at: session.createdAt });
  } finally {
    await database.close();
    await server.drop();
  }
});
