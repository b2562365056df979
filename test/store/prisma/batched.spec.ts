import { jest } from '@jest/globals';
import type pg from 'pg';
import type { RefreshPolicy } from '../../../src/core/policy.ts';
import { newHandle, sessionIdOf } from '../../../src/core/refresh-token.ts';
import { decide } from '../../../src/core/rotation.ts';
import { Unavailable } from '../../../src/core/unavailable.ts';
import { PrismaSessionStore } from '../../../src/store/prisma/prisma-session-store.ts';
import { ANSWER_WITHIN, Database } from '../../../src/store/database/database.ts';
import { TestDatabase } from '../../support/database.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from '../backends.ts';
import { insert, type Row } from '../rows.ts';

const W: RefreshPolicy = { grace: 10_000, recovery: 0, mode: 'rotate' };

async function insertAll(backend: Pick<Backend, 'query'>, rows: readonly Partial<Row>[]): Promise<string[]> {
  const ids = [];
  for (const row of rows) ids.push(await insert(backend, row));
  return ids;
}

describe.each(BACKENDS)('rotations that share a statement, on %s', (_name, open) => {
  let backend: Backend;
  let store: PrismaSessionStore;

  beforeAll(async () => {
    backend = await open();
    store = new PrismaSessionStore(backend.database, BATCH_SIZE);
  });

  afterAll(() => backend.close());

  const generationOf = async (id: string): Promise<number> => (await store.find(id))!.session.generation;

  test('turn those that may turn and no other, and each caller is told of its own', async () => {
    const due = await insertAll(backend, Array<Partial<Row>>(100).fill({ generation: 3 }));
    const others = await insertAll(backend, [
      { generation: 4 },
      { generation: 3, rotated: -10_000 },
      { generation: 3, revoked: -1 },
      { generation: 3, expires: -1 },
      { generation: 3, idleExpires: 0 },
    ]);
    const before = await Promise.all(others.map((id) => store.find(id)));
    const unknown = sessionIdOf(newHandle());
    const turned = await Promise.all([...due, ...others, unknown].map((id) => store.tryRotate(id, 3, W)));
    expect(turned.slice(0, due.length).map((snapshot) => snapshot?.session)).toMatchObject(
      due.map((id) => ({ id, generation: 4 })),
    );
    expect(turned.slice(due.length)).toEqual([...others, unknown].map(() => undefined));
    expect(await Promise.all(others.map((id) => store.find(id)))).toEqual(before);
  });

  test('of one session at once are one turn, whichever way they are asked for', async () => {
    const id = await insert(backend, { generation: 3 });
    const turned = await Promise.all([
      ...Array.from({ length: 10 }, () => store.tryRotate(id, 3, W)),
      ...Array.from({ length: 5 }, () => store.rotate(id, 3, W)),
      store.tryRotate(id, 4, W),
      store.tryRotate(id, 2, W),
    ]);
    expect(turned.filter(Boolean)).toHaveLength(1);
    expect(await generationOf(id)).toBe(4);
  });

  test('ask each for its own window and its own presenter', async () => {
    const [strict, patient, bound, keyed, free] = await insertAll(backend, [
      { generation: 1, rotated: -5_000 },
      { generation: 1, rotated: -5_000 },
      { generation: 1 },
      { generation: 1 },
      { generation: 1 },
    ]);
    await backend.query(
      `UPDATE public.sessions SET client_bound = true, client_id = 'app' WHERE id = $1::uuid`,
      [bound],
    );
    await backend.query(
      `UPDATE public.sessions SET client_bound = true, client_id = 'app', dpop_jkt = 'thumb' WHERE id = $1::uuid`,
      [keyed],
    );
    const presentedBy = (clientId: string, jkt?: string): RefreshPolicy => ({
      ...W,
      presenter: { clientId, ...(jkt !== undefined && { jkt }) },
    });
    const asked: [string, RefreshPolicy, boolean][] = [
      [strict!, { ...W, grace: 0 }, true],
      [patient!, W, false],
      [bound!, W, false],
      [bound!, presentedBy('other'), false],
      [bound!, presentedBy('app'), true],
      [keyed!, presentedBy('app'), false],
      [keyed!, presentedBy('app', 'another'), false],
      [keyed!, presentedBy('app', 'thumb'), true],
      [free!, presentedBy('web'), false],
      [free!, W, true],
    ];
    const turned = await Promise.all(asked.map(([id, policy]) => store.tryRotate(id, 1, policy)));
    expect(turned.map((snapshot) => snapshot !== undefined)).toEqual(asked.map(([, , turns]) => turns));
  });

  test('and of two keys of which each would be a session’s first, one is', async () => {
    const [raced, kept] = await insertAll(backend, [{ clientBound: true }, { clientBound: true }]);
    const by = (jkt: string, binds: boolean): RefreshPolicy => ({
      ...W,
      presenter: { clientId: 'web', jkt, ...(binds && { binds }) },
    });
    const [one, two, other] = await Promise.all([
      store.tryRotate(raced!, 0, by('one', true)),
      store.tryRotate(raced!, 0, by('two', true)),
      store.tryRotate(kept!, 0, by('any', false)),
    ]);
    const winner = one ? 'one' : 'two';
    expect([one, two].filter(Boolean)).toHaveLength(1);
    expect(other).toBeDefined();
    expect((await store.find(kept!))!.session.dpopJkt).toBeNull();
    const left = await store.find(raced!);
    expect(left!.session).toMatchObject({ generation: 1, dpopJkt: winner });
    expect(decide(left, 0, by(one ? 'two' : 'one', true))).toMatchObject({ reason: 'wrong_proof' });
  });

  test('and reads of one moment find each its own', async () => {
    const ids = await insertAll(
      backend,
      Array.from({ length: 80 }, (_, at) => ({ generation: at })),
    );
    const found = await Promise.all([...ids, ids[7]!, sessionIdOf(newHandle())].map((id) => store.find(id)));
    expect(found.map((snapshot) => snapshot?.session.generation)).toEqual([
      ...ids.map((_, at) => at),
      7,
      undefined,
    ]);
  });
});

describe('a session that somebody else holds locked', () => {
  let server: TestDatabase;
  let database: Database;
  let store: PrismaSessionStore;
  let somebody: pg.Client;

  beforeEach(async () => {
    server = await TestDatabase.create();
    database = await Database.open({ kind: 'postgresql', url: server.url });
    store = new PrismaSessionStore(database, BATCH_SIZE);
    somebody = await server.connect();
  });

  afterEach(async () => {
    await somebody.end();
    await database.close();
    await server.drop();
  });

  const insertLive = (count: number): Promise<string[]> =>
    insertAll(
      { query: (sql, values = []) => server.query(sql, [...values]) },
      Array<Partial<Row>>(count).fill({}),
    );

  async function waitsForLock(): Promise<boolean> {
    const waiting = await server.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length > 0;
  }

  test('keeps no other waiting, and is not turned behind their back', async () => {
    const [held, ...others] = await insertLive(6);
    await somebody.query('BEGIN');
    await somebody.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [held]);
    const turned = await Promise.all([held!, ...others].map((id) => store.tryRotate(id, 0, W)));
    expect(turned.map((snapshot) => snapshot?.session.generation)).toEqual([undefined, 1, 1, 1, 1, 1]);
    expect((await store.find(held!))!.session.generation).toBe(0);
    const patient = store.rotate(held!, 0, W);
    await somebody.query('COMMIT');
    expect((await patient)!.session.generation).toBe(1);
  });

  test('is exchanged when it is turned, not when somebody began to wait for it', async () => {
    const [held] = await insertLive(1);
    await somebody.query('BEGIN');
    await somebody.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [held]);
    const patient = store.rotate(held!, 0, W);
    for (let tried = 0; tried < 1_000 && !(await waitsForLock()); tried++);
    const { rows } = await somebody.query<{ at: Date }>(`SELECT date_trunc('ms', clock_timestamp()) AS at`);
    await somebody.query('COMMIT');
    const { now } = (await patient)!;
    const { session } = (await store.find(held!))!;
    expect(session.rotatedAt!.getTime()).toBeGreaterThanOrEqual(rows[0]!.at.getTime());
    expect(now.getTime()).toBeLessThanOrEqual(rows[0]!.at.getTime());
  });
});

describe('in strict mode, while the database does not answer', () => {
  const STRICT: RefreshPolicy = { grace: 0, recovery: 0, mode: 'rotate' };
  let server: TestDatabase;
  let database: Database;
  let answer: () => void;
  let store: PrismaSessionStore;

  beforeEach(async () => {
    server = await TestDatabase.create();
    database = await Database.open({ kind: 'postgresql', url: server.url });
    const answers = new Promise<void>((resolve) => (answer = resolve));
    const slow = { run: (work) => answers.then(() => database.run(work)) } as Database;
    store = new PrismaSessionStore(slow, BATCH_SIZE);
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });

  afterEach(async () => {
    jest.useRealTimers();
    await database.close();
    await server.drop();
  });

  /** Takes all places in which statements may be in flight. */
  async function occupy(): Promise<void> {
    for (let place = 0; place < 8; place++)
      void store.tryRotate(sessionIdOf(newHandle()), 0, STRICT).catch(() => null);
    await new Promise((resolve) => setImmediate(resolve));
  }

  test('a retry is given the turn that its abandoned first try left in the queue', async () => {
    const id = await insert({ query: (sql, values = []) => server.query(sql, [...values]) });
    await occupy();
    const abandoned = expect(store.tryRotate(id, 0, STRICT)).rejects.toThrow(Unavailable);
    jest.advanceTimersByTime(ANSWER_WITHIN - 1);
    const retry = store.tryRotate(id, 0, STRICT);
    jest.advanceTimersByTime(1);
    await abandoned;
    answer();
    expect((await retry)?.session.generation).toBe(1);
  });

  test('of two who both wait one is given it', async () => {
    const id = await insert({ query: (sql, values = []) => server.query(sql, [...values]) });
    await occupy();
    const both = [store.tryRotate(id, 0, STRICT), store.tryRotate(id, 0, STRICT)];
    answer();
    const turned = await Promise.all(both);
    expect(turned.map((snapshot) => snapshot?.session.generation)).toEqual([1, undefined]);
  });
});
