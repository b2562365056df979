import type { RefreshPolicy } from '../../src/core/policy.ts';
import { newHandle, sessionIdOf } from '../../src/core/refresh-token.ts';
import { PrismaSessionStore } from '../../src/store/prisma-session-store.ts';
import { BACKENDS, type Backend } from './backends.ts';
import { insert } from './rows.ts';

const W: RefreshPolicy = { grace: 10_000, mode: 'rotate' };

describe.each(BACKENDS)('rotations that share a statement, on %s', (_name, open) => {
  let backend: Backend;
  let store: PrismaSessionStore;

  beforeAll(async () => {
    backend = await open();
    store = new PrismaSessionStore(backend.database, 64);
  });

  afterAll(() => backend.close());

  const generationOf = async (id: string): Promise<number> => (await store.find(id))!.session.generation;

  test('turn those that may turn and no other, and each caller is told of its own', async () => {
    const due = await Promise.all(Array.from({ length: 100 }, () => insert(backend, { generation: 3 })));
    const others = await Promise.all([
      insert(backend, { generation: 4 }),
      insert(backend, { generation: 3, rotated: -10_000 }),
      insert(backend, { generation: 3, revoked: -1 }),
      insert(backend, { generation: 3, expires: -1 }),
      insert(backend, { generation: 3, idleExpires: 0 }),
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
    const [strict, patient, bound, keyed, free] = await Promise.all([
      insert(backend, { generation: 1, rotated: -5_000 }),
      insert(backend, { generation: 1, rotated: -5_000 }),
      insert(backend, { generation: 1 }),
      insert(backend, { generation: 1 }),
      insert(backend, { generation: 1 }),
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
      [strict, { ...W, grace: 0 }, true],
      [patient, W, false],
      [bound, W, false],
      [bound, presentedBy('other'), false],
      [bound, presentedBy('app'), true],
      [keyed, presentedBy('app'), false],
      [keyed, presentedBy('app', 'another'), false],
      [keyed, presentedBy('app', 'thumb'), true],
      [free, presentedBy('web'), false],
      [free, W, true],
    ];
    const turned = await Promise.all(asked.map(([id, policy]) => store.tryRotate(id, 1, policy)));
    expect(turned.map((snapshot) => snapshot !== undefined)).toEqual(asked.map(([, , turns]) => turns));
  });

  test('and reads of one moment find each its own', async () => {
    const ids = await Promise.all(Array.from({ length: 80 }, (_, at) => insert(backend, { generation: at })));
    const found = await Promise.all([...ids, ids[7]!, sessionIdOf(newHandle())].map((id) => store.find(id)));
    expect(found.map((snapshot) => snapshot?.session.generation)).toEqual([
      ...ids.map((_, at) => at),
      7,
      undefined,
    ]);
  });
});
