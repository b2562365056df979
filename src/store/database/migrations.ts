import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
  type Transaction,
} from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';
import type { Database } from './database.js';
import { isOutage, saidBy } from './outage.js';
import { Unavailable } from '../../core/unavailable.js';

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
/** Any number that no one else locks; spelled "ratchet" on a telephone. */
const LOCK = 7_282_438;
/** How often a replica that waits for the lock asks, in milliseconds. */
const BETWEEN_TRIES = 100;
/** What is used of WebAssembly, which Node's types leave to those of browsers. */
const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
interface WebAssemblyApi {
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
}
const NO_FILTER = { externalTables: [], externalEnums: [] };

/**
 * Applies the migrations in prisma/migrations that the database lacks, and gives their names. Safe to run from
 * several replicas at once: one applies, the others wait and find nothing to do.
 */
export async function migrate(database: Database): Promise<string[]> {
  return alone(database.adapter, async () => {
    const engine = await schemaEngine(database.adapter);
    const applied = await engine.applyMigrations({
      migrationsList: await migrationList(),
      filters: NO_FILTER,
    });
    return applied.appliedMigrationNames;
  });
}

/** The names of the migrations that the database lacks. */
export async function pendingMigrations(database: Database): Promise<string[]> {
  const names = await migrationNames();
  return database.run(async (prisma) => {
    const [table] = await prisma.$queryRaw<{ there: boolean }[]>`
      SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there`;
    if (!table?.there) return names;
    const rows = await prisma.$queryRaw<{ name: string }[]>`
      SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`;
    const applied = new Set(rows.map((row) => row.name));
    return names.filter((name) => !applied.has(name));
  });
}

/** The scripts in prisma/migrations, as Prisma's schema engine takes them. */
export async function migrationList(): Promise<MigrationList> {
  const names = await migrationNames();
  const scripts = await Promise.all(
    names.map((name) => readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8')),
  );
  return {
    baseDir: MIGRATIONS,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(MIGRATIONS, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name, index) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: scripts[index]! } },
    })),
  };
}

/** Prisma's own schema engine, as WebAssembly: the command line's is a binary that it would have to download. */
export async function schemaEngine(
  adapter: SqlMigrationAwareDriverAdapterFactory,
  datamodels?: [string, string][],
): Promise<SchemaEngine> {
  const bindings = await (loaded ??= load());
  return bindings.SchemaEngine.new(
    { datamodels },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(adapter),
  );
}

type Bindings = typeof import('@prisma/schema-engine-wasm/schema_engine_bg');

// Once: the bindings are of one instance, and a second would take them from a first that is still in use.
let loaded: Promise<Bindings> | undefined;

async function load(): Promise<Bindings> {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const glue = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(join(dirname(glue), 'schema_engine_bg.wasm'));
  const { instance } = await webAssembly.instantiate(bytes, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return bindings;
}

async function migrationNames(): Promise<string[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function alone<T>(factory: SqlMigrationAwareDriverAdapterFactory, work: () => Promise<T>): Promise<T> {
  // The embedded database is this process's alone, and it has a single connection.
  if (factory.adapterName !== '@prisma/adapter-pg') return work();
  const adapter = await factory.connect();
  try {
    const lock = await takeLock(adapter);
    try {
      return await work();
    } finally {
      await end(lock);
    }
  } finally {
    await adapter.dispose();
  }
}

// Whoever has the lock may run CREATE INDEX CONCURRENTLY, which waits for the end of every transaction that holds a
// snapshot. So none waits for it inside a transaction, and the one that has it does not keep its last snapshot: the
// SET takes its place.
async function takeLock(adapter: SqlDriverAdapter): Promise<Transaction> {
  for (;;) {
    const lock = await adapter.startTransaction().catch((error: unknown) => {
      throw isOutage(error) ? new Unavailable('database', saidBy(error), error) : error;
    });
    const { rows } = await lock.queryRaw(plain(`SELECT pg_try_advisory_xact_lock(${LOCK})`));
    if (rows[0]?.[0] === true) {
      await lock.executeRaw(plain('SET LOCAL idle_in_transaction_session_timeout = 0'));
      return lock;
    }
    await end(lock);
    await pause(BETWEEN_TRIES);
  }
}

async function end(lock: Transaction): Promise<void> {
  await lock.executeRaw(plain('COMMIT')).catch(() => undefined);
  await lock.commit();
}

function plain(sql: string): SqlQuery {
  return { sql, args: [], argTypes: [] };
}
