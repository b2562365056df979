import type { RefreshPolicy } from '../../src/core/policy.ts';
import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import { PrismaSessionStore } from '../../src/store/prisma-session-store.ts';
import { Database } from '../../src/store/database.ts';
import { TestDatabase } from '../support/database.ts';
import { BACKENDS, BATCH_SIZE, type Backend } from './backends.ts';
import { insert, type Row } from './rows.ts';

const W: RefreshPolicy = { grace: 10_000, mode: 'rotate' };

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
  test('keeps no other waiting, and is not turned behind their back', async () => {
    const server = await TestDatabase.create();
    const database = await Database.open({ kind: 'postgresql', url: server.url });
    const store = new PrismaSessionStore(database, BATCH_SIZE);
    const somebody = await server.connect();
    try {
      const backend = {
        query: (sql: string, values: readonly unknown[] = []) => server.query(sql, [...values]),
      };
      const [held, ...others] = await insertAll(backend, Array<Partial<Row>>(6).fill({}));
      await somebody.query('BEGIN');
      await somebody.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [held]);
      const turned = await Promise.all([held!, ...others].map((id) => store.tryRotate(id, 0, W)));
      expect(turned.map((snapshot) => snapshot?.session.generation)).toEqual([undefined, 1, 1, 1, 1, 1]);
      expect((await store.find(held!))!.session.generation).toBe(0);
      const patient = store.rotate(held!, 0, W);
      await somebody.query('COMMIT');
      expect((await patient)!.session.generation).toBe(1);
    } finally {
      await somebody.end();
      await database.close();
      await server.drop();
    }
  });
});
