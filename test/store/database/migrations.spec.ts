import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../../src/store/database/database.ts';
import { migrationList, pendingMigrations, schemaEngine } from '../../../src/store/database/migrations.ts';
import { freePort } from '../../support/postgres.ts';
import { SETTINGS } from '../../support/service.ts';
import { EmptyDatabase } from '../empty-database.ts';
import { runBuilt, type Ended } from '../run-built.ts';

const schema = readFileSync('prisma/schema.prisma', 'utf8');
const names = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .toSorted();

/** Runs `npm run migrate` as it is run in production. */
function runMigrate(url: string): Promise<Ended> {
  return runBuilt(['dist/migrate.js'], { DATABASE_URL: url });
}

describe('the migrations', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ratchet-migrations-'));
  let database: Database;
  let engine: Awaited<ReturnType<typeof schemaEngine>>;

  // Prisma's pg adapter cannot describe a schema ("char" is a type it does not know), so the embedded database does
  // it; that a server ends with the same tables is tested below.
  beforeAll(async () => {
    const migrated = await runBuilt(['dist/migrate.js'], { DATA_DIR: directory });
    expect(migrated).toMatchObject({ code: 0, stdout: `Applied ${names.join(', ')}\n` });
    database = await Database.open({ kind: 'embedded', directory });
    engine = await schemaEngine(database.adapter, [['schema.prisma', schema]]);
  });

  afterAll(async () => {
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The script that would turn what the migrations, or the database, have into `content`; exit code 2 if it is not empty. */
  async function difference(
    source: 'migrations' | 'schemaDatasource',
    content: string,
  ): Promise<{ exitCode: number; stdout: string | null }> {
    const files = [{ path: 'schema.prisma', content }];
    const from =
      source === 'migrations'
        ? { tag: source, ...(await migrationList()) }
        : { tag: source, files, configDir: process.cwd() };
    return engine.diff({
      from,
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
  }

  test.each(['migrations', 'schemaDatasource'] as const)('add up to the schema (%s)', async (source) => {
    expect(await difference(source, schema)).toEqual({
      exitCode: 0,
      stdout: '-- This is an empty migration.\n',
    });
  });

  test('do not add up to no schema at all', async () => {
    const { exitCode, stdout } = await difference('migrations', schema.replaceAll(/^model .*?^}/gms, ''));
    expect(exitCode).toBe(2);
    expect(stdout).toContain('DROP TABLE "sessions"');
  });

  test.each([
    ['lacks a column', /^ {2}acr .*\n/m, '', 'DROP COLUMN "acr"'],
    ['has a column more', /^ {2}acr /m, '  more Int\n$&', 'ADD COLUMN     "more" INTEGER NOT NULL'],
    ['has another type', /@db\.Uuid/, '', 'ALTER COLUMN "id" SET DATA TYPE TEXT'],
    ['has an index more', '@@map("sessions")', '@@index([acr])\n$&', 'CREATE INDEX'],
    ['lacks a uniqueness', '@unique', '', 'DROP INDEX "signing_keys_ordinal_key"'],
    ['has an index of all rows where some are meant', ', where: raw("client_bound")', '', 'DROP INDEX'],
    ['has another default', '@default(0)', '@default(1)', 'ALTER COLUMN "generation" SET DEFAULT 1'],
  ])('do not add up to a schema that %s', async (_how, what, instead, script) => {
    const altered = schema.replace(what, instead);
    expect(altered).not.toBe(schema);
    const { exitCode, stdout } = await difference('schemaDatasource', altered);
    expect(exitCode).toBe(2);
    expect(stdout).toContain(script);
  });

  test('make the same tables on a server, where pages keep room for heap-only updates', async () => {
    const server = await EmptyDatabase.create();
    try {
      await runMigrate(server.url);
      const tables = await describeTables((sql) => server.query(sql));
      const embedded = await describeTables((sql) => database.run((prisma) => prisma.$queryRawUnsafe(sql)));
      expect(tables).toEqual(embedded);
      expect(tables).toContain('sessions fillfactor=80');
      expect(tables).toContain('sessions idle_expires_at timestamp(3) with time zone NOT NULL');
    } finally {
      await server.drop();
    }
  });

  test('put no column that a refresh changes under an index, or no update could be heap-only', async () => {
    const indexes = await database.run((prisma) =>
      prisma.$queryRawUnsafe<{ def: string }[]>(
        `SELECT indexdef AS def FROM pg_indexes WHERE tablename = 'sessions'`,
      ),
    );
    expect(indexes.length).toBeGreaterThan(0);
    for (const { def } of indexes) expect(def).not.toMatch(/generation|rotated_at|idle_expires_at|revoked/);
  });
});

type Query = (sql: string) => Promise<Record<string, string>[]>;

/** The columns, indexes and storage settings of the service's tables, one line each. */
async function describeTables(query: Query): Promise<string[]> {
  const rows = await query(`
    SELECT c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
      || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
      || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> '_prisma_migrations'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'
    UNION ALL SELECT relname || ' ' || unnest(reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1`);
  return rows.map((row) => row['line']!);
}

describe('an operator with an empty database', () => {
  let empty: EmptyDatabase;
  beforeEach(async () => void (empty = await EmptyDatabase.create()));
  afterEach(() => empty.drop());

  async function applied(): Promise<{ migration_name: string; done: boolean }[]> {
    return empty.query(
      'SELECT migration_name, finished_at IS NOT NULL AS done FROM _prisma_migrations ORDER BY 1',
    );
  }

  test('who runs npm run migrate four times at once applies each migration once', async () => {
    const runs = await Promise.all(Array.from({ length: 4 }, () => runMigrate(empty.url)));
    expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      runs.map(() => ({ code: 0, stderr: '' })),
    );
    expect(runs.map(({ stdout }) => stdout).toSorted()).toEqual([
      `Applied ${names.join(', ')}\n`,
      ...Array.from({ length: 3 }, () => 'The database is up to date\n'),
    ]);
    expect(await applied()).toEqual(names.map((name) => ({ migration_name: name, done: true })));
  });

  test('who starts the service first is told what to run, and the process ends', async () => {
    const { code, stdout, stderr } = await runBuilt(['dist/main.js'], {
      ...SETTINGS,
      DATABASE_URL: empty.url,
    });
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([expect.stringContaining('npm run migrate'), '']);
    for (const name of names) expect(stderr).toContain(name);
    expect(stdout).toBe('');
    expect(await empty.query(`SELECT 1 FROM pg_class WHERE relname = 'sessions'`)).toEqual([]);
  });

  test('learns the names of the migrations that are missing, until they are applied', async () => {
    const database = await Database.open({ kind: 'postgresql', url: empty.url });
    try {
      expect(await pendingMigrations(database)).toEqual(names);
      await runMigrate(empty.url);
      expect(await pendingMigrations(database)).toEqual([]);
      await empty.query(`UPDATE _prisma_migrations SET finished_at = NULL`);
      expect(await pendingMigrations(database)).toEqual(names);
      await empty.query(`UPDATE _prisma_migrations SET finished_at = now(), rolled_back_at = now()`);
      expect(await pendingMigrations(database)).toEqual(names);
    } finally {
      await database.close();
    }
  });
});

describe('an operator whose settings are wrong', () => {
  test('is told by npm run migrate that no server answers, in one line', async () => {
    const port = await freePort();
    const { code, stdout, stderr } = await runMigrate(
      `postgresql://ratchet:sesame@127.0.0.1:${port}/ratchet`,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^The database does not answer.*\n$/);
    expect(stderr).not.toContain('sesame');
  });

  test('is told by npm run migrate that there is no such database, in one line', async () => {
    const url = new URL(process.env['RATCHET_TEST_SERVER']!);
    url.pathname = '/ratchet_is_not_there';
    const { code, stderr } = await runMigrate(url.toString());
    expect(code).toBe(1);
    expect(stderr).toBe('The database does not answer: database "ratchet_is_not_there" does not exist\n');
  });

  test('is told by npm run migrate that DATABASE_URL is no URL, in one line', async () => {
    const { code, stderr } = await runMigrate('postgresql://ratchet:sesame@127.0.0.1:port/ratchet');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The configuration has a mistake:\n {2}DATABASE_URL: .*\n$/);
    expect(stderr).not.toContain('sesame');
  });
});

test.each(['dist/migrate.js', 'dist/main.js'])(
  '%s wants a PostgreSQL that is still mended',
  async (program) => {
    const empty = await EmptyDatabase.create();
    try {
      // Stands in for a server of the last release that is not.
      await empty.query('CREATE SCHEMA old');
      await empty.query(
        `CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql
         AS $$ SELECT CASE name WHEN 'server_version_num' THEN '140023' ELSE pg_catalog.current_setting(name) END $$`,
      );
      const url = `${empty.url}?options=-c%20search_path%3Dold,pg_catalog,public`;
      const { code, stderr } = await runBuilt([program], { ...SETTINGS, DATABASE_URL: url });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'The server is PostgreSQL 14: it must be 15 or newer\n',
      });
    } finally {
      await empty.drop();
    }
  },
);

test('one process can migrate two databases', async () => {
  const directories = ['one', 'other'].map((name) => mkdtempSync(join(tmpdir(), `ratchet-${name}-`)));
  const script = `
    const { Database } = await import(${JSON.stringify(`${process.cwd()}/dist/store/database/database.js`)});
    const { migrate } = await import(${JSON.stringify(`${process.cwd()}/dist/store/database/migrations.js`)});
    for (const directory of ${JSON.stringify(directories)}) {
      const database = await Database.open({ kind: 'embedded', directory });
      console.log((await migrate(database)).join());
      await database.close();
    }`;
  try {
    const { code, stdout, stderr } = await runBuilt(['--input-type=module', '--eval', script], {});
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${names.join()}\n`.repeat(2), stderr: '' });
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  }
});
