import { setTimeout as pause } from 'node:timers/promises';
import { PrismaBulkRevocations } from '../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaSessionRegistry } from '../src/store/prisma/prisma-session-registry.ts';
import { Database } from '../src/store/database/database.ts';
import { Cleanup } from '../src/ops/cleanup.ts';
import type { BenchEnvironment } from './environment.ts';
import { measure, type Figures } from './measure.ts';
import type { Server } from './processes.ts';
import { FIGURE_COLUMNS, figureCells, table } from './table.ts';

const FEW = 1_000;
const EXPIRED = 1_000_000;
const LIVE_BESIDE = 100_000;
const REPLICAS = 3;
const SPAN = { warmUp: 20, count: { seconds: 40 } };

/**
 * The store at size: `sessions` of them against a thousand, measured in turn; and what the load notices while a million
 * expired ones are cleaned up, by the clean-up of another process, and autovacuum comes as it does.
 */
export async function atSize(
  environment: BenchEnvironment,
  sessions: number,
  say: (line: string) => void,
): Promise<void> {
  const server = await environment.service();
  const of = (many: number): Promise<Figures> =>
    measure(
      'service',
      [server],
      { scenario: 'rotate-body', sessions: many, loops: 64 },
      SPAN,
      environment.databasePid,
    );
  const withWal = async (many: number): Promise<string[]> => {
    const from = await walPosition(environment);
    const seen = await of(many);
    const refreshes = seen.rate * (SPAN.warmUp + SPAN.count.seconds);
    return [...figureCells(seen), (((await walPosition(environment)) - from) / refreshes).toFixed(0)];
  };

  say(`filling a table of ${sessions.toLocaleString('en')}`);
  await environment.fill(sessions);
  const [size] = await environment.query<{ table: string; indexes: string }>(
    `SELECT pg_table_size('sessions') AS "table", pg_indexes_size('sessions') AS indexes`,
  );
  const large = await withWal(sessions);
  say('and one of a thousand');
  await environment.fill(FEW);
  const rows = [await withWal(FEW), large];

  say('cleaning up a million under load');
  await environment.fill(LIVE_BESIDE, { expired: EXPIRED });
  const before = await of(LIVE_BESIDE);
  // The tokens of before have been exchanged.
  await environment.fill(LIVE_BESIDE, { expired: EXPIRED });
  const { during, deleted, seconds, tables } = await whileCleaning(environment, server);
  rows.push([...figureCells(before), ''], [...figureCells(during), '']);
  const names = ['a thousand', sessions.toLocaleString('en'), 'before clean-up', 'during it'];
  const head = ['', 'refreshes/s', ...FIGURE_COLUMNS, 'WAL bytes'];
  const bytes = ({ table: own, indexes }: { table: string; indexes: string }): string =>
    [own, indexes].map((each) => (Number(each) / sessions).toFixed(0)).join(' + ');
  process.stdout.write(
    `\n${table(
      head,
      rows.map((cells, at) => [names[at]!, ...cells]),
    )}\n\n` +
      `${bytes(size!)} bytes a session, table and indexes. ` +
      `${deleted.toLocaleString('en')} expired sessions deleted in ${seconds.toFixed(0)} s by ${REPLICAS} replicas; ` +
      `p99 ${(during.p99 / before.p99).toFixed(2)} of what it was.\n` +
      tables
        .map(
          ({ name, dead, vacuums, rows, bytes }) =>
            `${name}: autovacuum came ${vacuums} times; ${rows} rows and ${dead} dead ones are left, ${bytes} bytes with indexes.\n`,
        )
        .join(''),
  );
}

/** What the load noticed while expired sessions were deleted, and what autovacuum did about it. */
interface Cleaning {
  readonly during: Figures;
  readonly deleted: number;
  readonly seconds: number;
  readonly tables: readonly CleanedTable[];
}

/** A table after a clean-up, as PostgreSQL's statistics have it. */
interface CleanedTable {
  readonly name: string;
  readonly dead: string;
  readonly vacuums: string;
  readonly rows: string;
  readonly bytes: string;
}

/** Under load, until nothing is left that has expired: several replicas clean up, and take turns. */
async function whileCleaning(environment: BenchEnvironment, server: Server): Promise<Cleaning> {
  const databases = await Promise.all(
    Array.from({ length: REPLICAS }, () =>
      Database.open({ kind: 'postgresql', url: environment.databaseUrl }),
    ),
  );
  try {
    await environment.query(`UPDATE session_walk SET place = NULL, next_at = now()`);
    const none = undefined as never;
    const config = { sessionRetention: 86_400, history: none };
    const since = performance.now();
    let [deleted, seconds] = [0, 0];
    const goRound = async (database: Database): Promise<void> => {
      const registry = new PrismaSessionRegistry(database, new PrismaBulkRevocations(database), 1);
      const cleanup = new Cleanup(registry, none, none, none, none, none, config);
      // Who finds another replica at it looks again later.
      while (await expiredAreLeft(environment)) {
        const more = await cleanup.walk();
        deleted += more;
        await pause(1_000);
      }
    };
    const walks = Promise.all(databases.map(goRound)).finally(
      () => (seconds = (performance.now() - since) / 1_000),
    );
    const load = { scenario: 'rotate-body', sessions: LIVE_BESIDE, loops: 64 } as const;
    const during = await measure(
      'service',
      [server],
      load,
      { warmUp: 1, count: walks },
      environment.databasePid,
    );
    const tables = await environment.query<CleanedTable>(
      `SELECT relname AS name, n_dead_tup AS dead, autovacuum_count AS vacuums, n_live_tup AS rows,
         pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables
       WHERE relname IN ('sessions', 'session_events') ORDER BY relname`,
    );
    return { during, deleted, seconds, tables };
  } finally {
    await Promise.all(databases.map((database) => database.close()));
  }
}

async function expiredAreLeft(environment: BenchEnvironment): Promise<boolean> {
  const left = await environment.query(
    `SELECT FROM sessions WHERE LEAST(expires_at, idle_expires_at) < now() - interval '1 day' LIMIT 1`,
  );
  return left.length > 0;
}

async function walPosition(environment: BenchEnvironment): Promise<number> {
  const [at] = await environment.query<{ bytes: string }>(`SELECT pg_current_wal_lsn() - '0/0' AS bytes`);
  return Number(at!.bytes);
}
