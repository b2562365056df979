import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../src/store/database/database.ts';
import { TestDatabase } from '../support/database.ts';
import { runBuilt } from './run-built.ts';

/** The most sessions in one statement of the store under test. */
export const BATCH_SIZE = Number(process.env['TEST_BATCH_SIZE'] ?? 64);

/** A database whose clock stands still until the test moves it. */
export interface Backend {
  readonly database: Database;
  /** Moves the clock forward. */
  advance(milliseconds: number): Promise<void>;
  /** Runs a statement past the stores; the tests' clock is `clock.now()`. */
  query(sql: string, values?: readonly unknown[]): Promise<unknown[]>;
  close(): Promise<void>;
}

/** The two databases that the service runs on. */
export const BACKENDS: readonly (readonly [name: string, open: () => Promise<Backend>])[] = [
  ['a PostgreSQL server', openServer],
  ['the embedded PostgreSQL', openEmbedded],
];

async function openServer(): Promise<Backend> {
  const server = await TestDatabase.create();
  await server.freeze();
  const database = await Database.open({ kind: 'postgresql', url: server.url });
  return {
    database,
    advance: (milliseconds) => server.advance(milliseconds),
    query: (sql, values = []) => server.query(sql, [...values]),
    close: async () => {
      await database.close();
      await server.drop();
    },
  };
}

async function openEmbedded(): Promise<Backend> {
  const directory = mkdtempSync(join(tmpdir(), 'ratchet-embedded-'));
  await runBuilt(['dist/migrate.js'], { DATA_DIR: directory });
  const database = await Database.open({ kind: 'embedded', directory });
  const query = (sql: string, values: readonly unknown[] = []): Promise<unknown[]> =>
    database.run((prisma) => prisma.$queryRawUnsafe<unknown[]>(sql, ...values));
  for (const statement of [
    `CREATE SCHEMA clock`,
    `CREATE TABLE clock.time AS SELECT date_trunc('milliseconds', pg_catalog.now()) AS at`,
    `CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.time'`,
    `CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM clock.time'`,
    // There is one connection, so this lasts.
    `SET search_path = clock, pg_catalog, public`,
  ])
    await query(statement);
  return {
    database,
    advance: async (milliseconds) => {
      await query(`UPDATE clock.time SET at = at + $1::int * interval '1 millisecond'`, [milliseconds]);
    },
    query,
    close: async () => {
      await database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
