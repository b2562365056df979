import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';

const TEMPLATE = 'ratchet_template';

/**
 * A database whose clock the test moves. PostgreSQL looks a function up along the search path, so a `now()`
 * and a `clock_timestamp()` in a schema that comes before pg_catalog stand in for the built-in ones: the service's
 * statements run as they are.
 */
export class TestDatabase {
  private constructor(
    private readonly server: string,
    private readonly name: string,
    private readonly client: pg.Client,
  ) {}

  /** A fresh database with the schema, on the server the tests share or on another. */
  static async create(server = process.env['RATCHET_TEST_SERVER']!): Promise<TestDatabase> {
    const name = `ratchet_${randomBytes(6).toString('hex')}`;
    await administer(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    return new TestDatabase(server, name, await connect(plainUrl(server, name)));
  }

  /** For the service: its sessions see the moved clock. */
  get url(): string {
    const url = new URL(plainUrl(this.server, this.name));
    url.searchParams.set('options', '-c search_path=clock,pg_catalog,public');
    return url.toString();
  }

  /** Moves the database's clock forward. */
  async advance(milliseconds: number): Promise<void> {
    await this.query(`UPDATE clock.shift SET by = by + $1 * interval '1 millisecond'`, [milliseconds]);
  }

  /** Stops the database's clock: from now on only advance moves it. */
  async freeze(): Promise<void> {
    await this.query(`UPDATE clock.shift SET frozen_at = date_trunc('milliseconds', pg_catalog.now())`);
  }

  async query<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query<T>(sql, values)).rows;
  }

  /** Another connection, with the built-in clock; the caller ends it. */
  connect(): Promise<pg.Client> {
    return connect(plainUrl(this.server, this.name));
  }

  /**
   * Every row of every table with where it lies and who wrote it: two dumps are equal only if nothing was written, but where
   * the clean-up is.
   */
  async dump(): Promise<string> {
    const tables = await this.query<{ table: string }>(
      `SELECT quote_ident(relname) AS table FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'session_walk' ORDER BY 1`,
    );
    const rows: Record<string, object[]> = {};
    for (const { table } of tables)
      rows[table] = await this.query(
        `SELECT tableoid, ctid, xmin, xmax, each.* FROM public.${table} AS each ORDER BY 1, 2`,
      );
    return JSON.stringify(rows, null, 1);
  }

  async drop(): Promise<void> {
    await this.client.end().catch(() => undefined);
    await administer(this.server, `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}

/** Makes the database that the others are copied from, with the service's own migrations; TEST_PARTITIONED partitions it. */
export async function makeTemplate(server: string): Promise<void> {
  await administer(server, `DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
  await administer(server, `CREATE DATABASE ${TEMPLATE}`);
  const url = plainUrl(server, TEMPLATE);
  execFileSync(process.execPath, ['dist/migrate.js'], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (process.env['TEST_PARTITIONED'])
    await administer(url, `BEGIN; ${readFileSync('prisma/partition-sessions.sql', 'utf8')} COMMIT`);
  await administer(
    url,
    `CREATE SCHEMA clock`,
    `CREATE TABLE clock.shift (by interval NOT NULL, frozen_at timestamptz)`,
    `INSERT INTO clock.shift VALUES ('0', NULL)`,
    `CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
       AS 'SELECT coalesce(frozen_at, pg_catalog.now()) + by FROM clock.shift'`,
    `CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
       AS 'SELECT coalesce(frozen_at, pg_catalog.clock_timestamp()) + by FROM clock.shift'`,
  );
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A test may stop the server under it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function plainUrl(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.toString();
}
