import type { NewSession } from '../../src/store/session-registry.ts';
import { PrismaBulkRevocations } from '../../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaClientStore } from '../../src/store/prisma/prisma-client-store.ts';
import { PrismaSessionRegistry } from '../../src/store/prisma/prisma-session-registry.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { Database } from '../../src/store/database/database.ts';
import { TestDatabase } from '../support/database.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from './backends.ts';
import { insert, newSession, registration } from './rows.ts';
import { AMENDED, BY_SERVICE, FAST_FORWARDED, LOGOUT } from './events.ts';

const STRICT = { grace: 0, recovery: 0, mode: 'rotate' } as const;
const HOUR = 3_600_000;

describe.each(BACKENDS)('an end of many sessions whose rows are still to be marked, on %s', (_name, open) => {
  let backend: Backend;
  let bulk: PrismaBulkRevocations;
  let registry: PrismaSessionRegistry;
  let store: PrismaSessionStore;

  beforeAll(async () => {
    backend = await open();
    bulk = new PrismaBulkRevocations(backend.database);
    registry = new PrismaSessionRegistry(backend.database, bulk, BATCH_SIZE);
    store = new PrismaSessionStore(backend.database, BATCH_SIZE);
  });

  afterAll(() => backend.close());

  const openOne = async (differently: Partial<NewSession> = {}): Promise<string> =>
    (await registry.open(newSession(differently))).session.id;
  const isLive = async (id: string): Promise<boolean> => {
    const read = (await store.find(id))!.session.revokedAt === null;
    const { generation } = (await store.find(id))!.session;
    const turned = (await store.tryRotate(id, generation, STRICT)) !== undefined;
    expect(turned).toBe(read);
    return turned;
  };
  const rows = async (): Promise<unknown[]> => backend.query('SELECT * FROM public.bulk_revocations');

  afterEach(() => backend.query('DELETE FROM public.bulk_revocations'));

  test('is an end to every verb, and tells of itself in every reading', async () => {
    const subject = 'ada';
    const id = await openOne({ subject });
    const { before } = (await bulk.add({ subject }, BY_SERVICE))!;
    expect(await store.rotate(id, 0, STRICT)).toBeUndefined();
    expect(await store.tryRotate(id, 0, STRICT)).toBeUndefined();
    expect(await store.fastForward(id, 7, FAST_FORWARDED)).toBeUndefined();
    await backend.advance(10 * 60_000);
    expect(await store.touch(id, 0)).toBeUndefined();
    expect(await registry.amend(id, { scope: 'more' }, AMENDED)).toBeUndefined();
    expect(await store.revoke(id, LOGOUT)).toBeUndefined();
    const found = (await store.find(id))!;
    expect(found.session).toMatchObject({ revokedAt: before, revokedBy: 'service', generation: 0 });
    expect(await registry.list(subject, 9)).toEqual([found]);
  });

  test('holds for what was opened until then, and not for what is opened a moment later', async () => {
    const until = await openOne({ subject: 'linus' });
    await bulk.add({ subject: 'linus' }, BY_SERVICE);
    await backend.advance(1);
    const later = await openOne({ subject: 'linus' });
    expect([await isLive(until), await isLive(later)]).toEqual([false, true]);
  });

  test('spares the one at hand, and others each their own', async () => {
    const [one, two, three] = [
      await openOne({ subject: 'grace' }),
      await openOne({ subject: 'grace' }),
      await openOne({ subject: 'grace' }),
    ];
    await bulk.add({ subject: 'grace' }, BY_SERVICE, { except: one });
    expect(await Promise.all([one, two, three].map(isLive))).toEqual([true, false, false]);
    await bulk.add({ subject: 'grace' }, BY_SERVICE, { except: two });
    expect(await Promise.all([one, two, three].map(isLive))).toEqual([false, false, false]);
  });

  test('of a client holds for the sessions that are bound to it, whoever they are of', async () => {
    const clients = new PrismaClientStore(backend.database, bulk);
    for (const id of ['app', 'ada']) await clients.add(registration(id));
    const bound = { clientId: 'app', clientBound: true };
    const [its, named, others] = [
      await openOne({ ...bound, subject: 'kim' }),
      await openOne({ clientId: 'app', subject: 'kim' }),
      await openOne({ clientId: 'ada', clientBound: true, subject: 'app' }),
    ];
    expect(await bulk.addRemoving('app', BY_SERVICE)).toMatchObject({ key: 'client:app', marked: false });
    const revokedAt = async (id: string): Promise<unknown> => (await store.find(id))!.session.revokedAt;
    expect(await revokedAt(its)).not.toBeNull();
    expect([await revokedAt(named), await revokedAt(others)]).toEqual([null, null]);
    expect(await bulk.addRemoving('app', BY_SERVICE)).toBeUndefined();
    expect(await clients.remove('app', BY_SERVICE)).toBe(false);
    expect(await rows()).toHaveLength(1);
  });

  test('is carried out once, looked at again an hour later, and then forgotten', async () => {
    const id = await openOne({ subject: 'edsger' });
    const expired = await insert(backend, { subject: 'edsger', idleExpires: 0 });
    const spared = await openOne({ subject: 'edsger', idleTtl: 7_200 });
    const ended = (await bulk.add({ subject: 'edsger' }, BY_SERVICE, { except: spared }))!;
    expect(await bulk.due()).toEqual([ended]);
    const before = (await store.find(id))!;
    expect(await bulk.carryOut(ended)).toEqual({ revoked: 1, pending: false });
    expect(await bulk.due()).toEqual([]);
    // A statement that was under way inserts one from before.
    const late = await insert(backend, { subject: 'edsger' });
    expect((await store.find(late))!.session.revokedAt).toEqual(ended.before);

    await backend.advance(HOUR);
    expect(await bulk.due()).toEqual([]);
    await backend.advance(1);
    const [settled] = await bulk.due();
    expect(settled).toEqual({ ...ended, marked: true });
    expect(await bulk.mark(settled!)).toEqual({ last: undefined, marked: 1 });
    await bulk.finish(settled!);
    expect(await rows()).toEqual([]);
    expect((await store.find(id))!.session).toEqual(before.session);
    expect(await isLive(late)).toBe(false);
    expect(await isLive(spared)).toBe(true);
    expect((await store.find(expired))!.session.revokedAt).toBeNull();
  });

  test('may be told of an earlier time: what was opened after it stays, and the row tells when it was ended', async () => {
    const until = await openOne({ subject: 'barbara', idleTtl: 86_400 });
    const { session } = (await store.find(until))!;
    await backend.advance(1);
    const later = await openOne({ subject: 'barbara', idleTtl: 86_400 });
    await backend.advance(3 * HOUR - 1);
    const since = new Date(session.createdAt.getTime() + 3 * HOUR);
    expect(
      await registry.revokeAll({ subject: 'barbara' }, BY_SERVICE, { before: new Date(since.getTime() + 1) }),
    ).toBeUndefined();
    expect([await isLive(until), await isLive(later)]).toEqual([true, true]);
    const ended = await bulk.add({ subject: 'barbara' }, BY_SERVICE, { before: session.createdAt });
    expect([await isLive(until), await isLive(later)]).toEqual([false, true]);
    expect((await store.find(until))!.session.revokedAt).toEqual(since);
    expect(await bulk.carryOut(ended!)).toEqual({ revoked: 1, pending: false });
    expect((await store.find(until))!.session.revokedAt).toEqual(since);
    expect([await isLive(until), await isLive(later)]).toEqual([false, true]);
  });

  test.each([
    ['everybody’s', 'everybody', { ada: 'web', bound: 'app' }, []],
    ['a client id’s, bound to the client or not', { clientId: 'app' }, { ada: 'app', bound: 'app' }, ['web']],
  ] as const)('may be of %s sessions', async (_whose, whose, ends, stays) => {
    await backend.query('DELETE FROM public.sessions');
    const clients = new PrismaClientStore(backend.database, bulk);
    await clients.add(registration('app'));
    const mortal = [
      await openOne({ clientId: ends.ada, idleTtl: 7_200 }),
      await openOne({ clientId: ends.bound, clientBound: true, subject: '*', idleTtl: 7_200 }),
    ];
    const others = await Promise.all(stays.map((clientId) => openOne({ clientId, subject: 'app' })));
    const spared = await openOne({ clientId: ends.ada, idleTtl: 7_200 });
    const live = async (ids: readonly string[]): Promise<boolean[]> =>
      Promise.all(
        ids.map(async (id) => {
          const { revokedAt, generation } = (await store.find(id))!.session;
          const listed = await registry.amend(id, { scope: 'a' }, AMENDED);
          const policy = { ...STRICT, presenter: { clientId: 'app' } };
          const turned =
            (await store.rotate(id, generation, id === mortal[1] ? policy : STRICT)) !== undefined;
          expect([listed !== undefined, revokedAt === null]).toEqual([turned, turned]);
          return turned;
        }),
      );
    await bulk.add(whose, BY_SERVICE, { except: spared });
    await backend.advance(1);
    const later = await openOne({ clientId: ends.ada });
    const all = [...mortal, ...others, spared, later];
    const expected = [false, false, ...others.map(() => true), true, true];
    expect(await live(all)).toEqual(expected);
    const marked: number[] = [];
    for (let round = 0; round < 2; round++) {
      for (const due of await bulk.due()) marked.push((await bulk.carryOut(due)).revoked);
      await backend.advance(HOUR + 1);
    }
    expect([marked, await rows()]).toEqual([[2, 0], []]);
    expect((await backend.query('SELECT FROM public.sessions WHERE revoked_at IS NOT NULL')).length).toBe(2);
  });

  test('is marked from where it was broken off; and once more, from the start, when it is settled', async () => {
    await backend.query('DELETE FROM public.sessions');
    const differently = { idleTtl: 7_200 };
    const [one, two] = [await openOne(differently), await openOne(differently)].toSorted() as [
      string,
      string,
    ];
    const ended = (await bulk.add('everybody', BY_SERVICE))!;
    const { createdAt } = (await store.find(one))!.session;
    await bulk.reach(ended, { id: one, createdAt });
    const [due] = await bulk.due();
    expect(due).toEqual({ ...ended, reached: { id: one, createdAt } });
    expect(await bulk.carryOut(due!)).toEqual({ revoked: 1, pending: false });
    const unmarked = (): Promise<unknown[]> =>
      backend.query('SELECT id FROM public.sessions WHERE revoked_at IS NULL');
    expect(await unmarked()).toEqual([{ id: one }]);
    expect([await isLive(one), await isLive(two)]).toEqual([false, false]);
    // Whoever is still at the first round does not move the second.
    await bulk.reach(due!, { id: two, createdAt });
    await backend.advance(HOUR + 1);
    const [settled] = await bulk.due();
    expect(settled).toEqual({ ...ended, marked: true });
    await bulk.carryOut(settled!);
    expect([await unmarked(), await rows()]).toEqual([[], []]);
  });

  test('of long ago is not forgotten before its rows are marked', async () => {
    await backend.query('DELETE FROM public.sessions');
    const id = await openOne({ idleTtl: 86_400 });
    await backend.advance(3 * HOUR);
    const { createdAt } = (await store.find(id))!.session;
    const ended = (await bulk.add('everybody', BY_SERVICE, { before: createdAt }))!;
    await bulk.finish(ended);
    expect(await isLive(id)).toBe(false);
    const [settled] = await bulk.due();
    await bulk.carryOut(settled!);
    expect(await rows()).toEqual([]);
    expect(await isLive(id)).toBe(false);
  });

  test('is not written for a few', async () => {
    const ids = [await openOne({ subject: 'few' }), await openOne({ subject: 'few' })];
    expect(await registry.revokeAll({ subject: 'few' }, BY_SERVICE)).toEqual({ revoked: 2, pending: false });
    expect(await Promise.all(ids.map(isLive))).toEqual([false, false]);
    expect(await rows()).toEqual([]);
  });

  test('is written for a thousand, whose rows are marked at once', async () => {
    await openOne({ subject: 'thousand' });
    await backend.query(
      `INSERT INTO public.sessions SELECT r.* FROM public.sessions s, generate_series(1, 1999) AS n,
         LATERAL jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'device', n)) AS r
       WHERE s.subject = 'thousand'`,
    );
    const [spared] = await registry.list('thousand', 1);
    expect(
      await registry.revokeAll({ subject: 'thousand' }, BY_SERVICE, { except: spared!.session.id }),
    ).toEqual({
      revoked: 1_999,
      pending: false,
    });
    expect(await rows()).toMatchObject([{ key: 'subject:thousand', marked: true }]);
    const live = await backend.query(
      `SELECT id FROM public.sessions WHERE subject = 'thousand' AND revoked_at IS NULL`,
    );
    expect(live).toEqual([{ id: spared!.session.id }]);
  });
});

test('a session that was being opened while its client was removed does not survive it', async () => {
  const server = await TestDatabase.create();
  await server.freeze();
  const database = await Database.open({ kind: 'postgresql', url: server.url });
  const bulk = new PrismaBulkRevocations(database);
  const clients = new PrismaClientStore(database, bulk);
  const store = new PrismaSessionStore(database, BATCH_SIZE);
  const opening = await server.connect();
  try {
    await clients.add(registration('app'));
    await opening.query('BEGIN');
    await opening.query(`SELECT FROM public.clients WHERE id = 'app' FOR KEY SHARE`);
    const removed = clients.remove('app', BY_SERVICE);
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DELETE FROM clients%'`;
    for (let tried = 0; tried < 1_000 && (await server.query(waiting)).length === 0; tried++);
    expect(await server.query(waiting)).toHaveLength(1);
    // It is opened after the removal was begun, and before it was done.
    await server.advance(5_000);
    const id = await insert({
      query: async (sql, values = []) => (await opening.query<object>(sql, [...values])).rows,
    });
    await opening.query(`UPDATE public.sessions SET client_bound = true, client_id = 'app' WHERE id = $1`, [
      id,
    ]);
    await opening.query('COMMIT');
    expect(await removed).toBe(true);
    expect((await store.find(id))!.session.revokedBy).toBe('service');
    expect(await server.query('SELECT FROM public.sessions WHERE revoked_at IS NULL')).toEqual([]);
  } finally {
    await opening.end();
    await database.close();
    await server.drop();
  }
});
