import { readFileSync } from 'node:fs';
import { Database } from '../../src/store/database/database.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { TestDatabase } from '../support/database.ts';
import { insert } from './rows.ts';

// The suites of the stores run on partitions, too: TEST_PARTITIONED=1.
test('sessions keep what they are in hash partitions, and one that is named by its id is sought in one of them', async () => {
  const server = await TestDatabase.create();
  const database = await Database.open({ kind: 'postgresql', url: server.url });
  try {
    const ids = [];
    for (let each = 0; each < 100; each++) ids.push(await insert(server, { generation: each }));
    const before = await server.query('SELECT * FROM public.sessions ORDER BY id');
    await server.query(`BEGIN; ${readFileSync('prisma/partition-sessions.sql', 'utf8')} COMMIT`);
    expect(await server.query('SELECT * FROM public.sessions ORDER BY id')).toEqual(before);

    const store = new PrismaSessionStore(database, 1);
    const turned = await store.tryRotate(ids[7]!, 7, { grace: 0, recovery: 0, mode: 'rotate' });
    expect(turned?.session).toMatchObject({ id: ids[7], generation: 8 });
    const plan = await server.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN UPDATE public.sessions SET generation = 1 WHERE id = '${ids[7]}'::uuid`,
    );
    const partitions = plan.flatMap((line) => /on (sessions_\d+)/.exec(line['QUERY PLAN'])?.[1] ?? []);
    expect(new Set(partitions).size).toBe(1);
  } finally {
    await database.close();
    await server.drop();
  }
});
