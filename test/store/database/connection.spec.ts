import { randomUUID } from 'node:crypto';
import { Database } from '../../../src/store/database/database.ts';
import { PrismaSessionStore } from '../../../src/store/prisma/prisma-session-store.ts';
import { useDatabase } from '../../support/use-service.ts';
import { insert } from '../rows.ts';

const STRICT = { grace: 0, recovery: 0, mode: 'rotate' } as const;
/** How long a test waits for a connection to end, in milliseconds. */
const WITHIN = 30_000;

describe('a connection', () => {
  const { database: server } = useDatabase();
  let database: Database;

  afterEach(() => database.close());

  /** @param lifetime of a connection, in seconds */
  async function open(lifetime: number): Promise<void> {
    const url = new URL(server.url);
    // With PostgreSQL's own clock: a clock that may be moved makes other plans.
    url.searchParams.delete('options');
    database = await Database.open({ kind: 'postgresql', url: url.toString() }, { lifetime });
  }

  const ask = <T>(sql: string): Promise<T[]> => database.run((prisma) => prisma.$queryRawUnsafe<T[]>(sql));

  async function pid(): Promise<number> {
    const [row] = await ask<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return row!.pid;
  }

  const insertSessions = (count: number): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, () =>
        insert({ query: (sql, values = []) => server.query(sql, [...values]) }),
      ),
    );

  /** How PostgreSQL goes about the statement that turns many sessions. */
  async function plan(): Promise<string> {
    const [statement] = await ask<{ name: string }>(
      `SELECT name FROM pg_prepared_statements WHERE statement ~ 'SKIP [L]OCKED'`,
    );
    const lines = await ask<object>(
      `EXPLAIN EXECUTE ${statement!.name} ('{}', '{}', '{}', '{}', '{}', '{}')`,
    );
    return lines.flatMap((line) => Object.values(line) as string[]).join('\n');
  }

  test('ends after minutes, and with it what was planned while the table was empty', async () => {
    // As if PostgreSQL had not come to look at the table yet.
    await server.query('ALTER TABLE public.sessions SET (autovacuum_enabled = off)');
    await open(6);
    const store = new PrismaSessionStore(database, 64);
    // From the sixth time on, the plan is kept.
    const refresh = async (): Promise<void> => {
      for (let times = 0; times < 8; times++)
        await Promise.all(Array.from({ length: 64 }, () => store.tryRotate(randomUUID(), 0, STRICT)));
    };
    await refresh();
    const first = await pid();
    await server.query(
      `INSERT INTO public.sessions (id, subject, client_id, auth_time, created_at, expires_at, idle_expires_at, idle_ttl,
         access_token_ttl)
       SELECT gen_random_uuid(), 'ada', 'web', now(), now(), now() + interval '30 days', now() + interval '1 day', 86400, 900
       FROM generate_series(1, 20000)`,
    );
    expect(await plan()).toContain('Seq Scan on sessions');
    const since = performance.now();
    while ((await pid()) === first && performance.now() - since < WITHIN) await refresh();
    await refresh();
    expect(await plan()).not.toContain('Seq Scan on sessions');
  });

  test('ends between two statements, and nobody is told', async () => {
    const ids = await insertSessions(20);
    await open(0.1);
    const store = new PrismaSessionStore(database, 1);
    const used = new Set<number>();
    const since = performance.now();
    for (let generation = 0; used.size < 30 && performance.now() - since < WITHIN; generation++) {
      const turned = await Promise.all(ids.map((id) => store.tryRotate(id, generation, STRICT)));
      expect(turned.every(Boolean)).toBe(true);
      for (const each of await Promise.all(Array.from({ length: 10 }, pid))) used.add(each);
    }
    expect(used.size).toBeGreaterThanOrEqual(30);
  });
});
