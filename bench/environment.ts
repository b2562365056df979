import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { PostgresServer } from '../test/support/postgres.ts';
import { nodeOfImage, type InstalledNode } from './installed-node.ts';
import { startServer, stopProcess, type Server } from './processes.ts';
import { REFRESH_TOKEN_KEY, SERVICE_KEY, fillSessions, type Filling } from './sessions.ts';

/** How the image runs Node, so that what is measured is what is shipped. */
const NODE_FLAGS = (
  JSON.parse(/^CMD (\[.*\])$/m.exec(readFileSync('Dockerfile', 'utf8'))![1]!) as string[]
).filter((word) => word.startsWith('--'));

const SERVICE = {
  PORT: '0',
  REFRESH_TOKEN_KEYS: `${REFRESH_TOKEN_KEY.kid}:${REFRESH_TOKEN_KEY.secret.export().toString()}`,
  SERVICE_KEYS: `bench:${SERVICE_KEY}`,
  ISSUER: 'https://auth.example.com',
  AUDIENCE: 'https://api.example.com',
  CONTRACTS: 'plec,oauth',
  // Counted as always, and never reached.
  RATE_LIMIT_PER_ADDRESS: '1000000000',
  RATE_LIMIT_PER_SESSION: '1000000000',
  // So that a session can be rotated again at once: with a grace window each takes its turn once in it.
  ROTATION_GRACE: '0',
};

/** What a benchmark needs: PostgreSQL as it comes, with fsync, and servers beside it. `clear` takes all of it away. */
export class BenchEnvironment {
  private readonly cleanUps: (() => unknown)[] = [];

  private constructor(
    /** What the servers run on, unless told otherwise. */
    readonly node: InstalledNode,
    private readonly postgres: PostgresServer,
    private readonly client: pg.Client,
  ) {
    this.cleanUps.push(
      () => postgres.destroy(),
      () => client.end(),
    );
  }

  /** Starts PostgreSQL and gives it the service's schema. */
  static async build(): Promise<BenchEnvironment> {
    const node = nodeOfImage();
    const postgres = await PostgresServer.start(['shared_buffers=512MB', 'max_wal_size=4GB']);
    migrate({ DATABASE_URL: postgres.url() });
    const client = new pg.Client({ connectionString: postgres.url() });
    await client.connect();
    return new BenchEnvironment(node, postgres, client);
  }

  /** What the service's commands are set to, beside the database. */
  readonly settings: Readonly<Record<string, string>> = SERVICE;

  get databaseUrl(): string {
    return this.postgres.url();
  }

  /** The pid of PostgreSQL's first process. */
  get databasePid(): number {
    return this.postgres.pid!;
  }

  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(sql, values)).rows;
  }

  fill(sessions: number, filling: Filling = {}): Promise<void> {
    return fillSessions((sql, values) => this.query(sql, values), sessions, filling);
  }

  /** The database's time, for statementsSince. */
  async databaseTime(): Promise<string> {
    const [row] = await this.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
    return row!.now;
  }

  /**
   * How many of the service's connections have sent a statement since that a request asks for: not the regular looks at
   * the keys, and at what there is to clean up.
   */
  async statementsSince(time: string): Promise<number> {
    const [row] = await this.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ratchet' AND query_start > $1::timestamptz
         AND query !~ '(signing_keys|bulk_revocations WHERE|used_jtis|rate_counts)'`,
      [time],
    );
    return Number(row!.count);
  }

  /** The service as it is shipped, on this PostgreSQL, and on the image's Node unless the path of another is given. */
  service(settings: Record<string, string> = {}, node?: string): Promise<Server> {
    const production = { NODE_ENV: 'production', HOST: '127.0.0.1', DATABASE_URL: this.postgres.url() };
    return this.start(
      'service',
      'dist/main.js',
      { ...SERVICE, ...production, ...settings },
      node,
      NODE_FLAGS,
    );
  }

  /** The service on an embedded database with `sessions` sessions. */
  async embedded(sessions: number): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'ratchet-bench-'));
    this.cleanUps.push(() => rmSync(directory, { recursive: true, force: true }));
    migrate({ DATA_DIR: directory });
    const database = await PGlite.create(join(directory, 'postgres'));
    await fillSessions((sql, values) => database.query(sql, values), sessions);
    await database.close();
    return this.start('embedded', 'dist/main.js', { ...SERVICE, DATA_DIR: directory });
  }

  /** One of the floors, by its name. */
  floor(name: 'one-statement' | 'batched' | 'echo', node?: string): Promise<Server> {
    const settings = { DATABASE_URL: this.postgres.url() };
    return this.start(name, join(import.meta.dirname, 'floors', `${name}.js`), settings, node);
  }

  /** A collector of traces. */
  collector(): Promise<Server> {
    return this.start('collector', join(import.meta.dirname, 'collector.js'), {});
  }

  /** A server that others have made, on a database of its own in this PostgreSQL. */
  async peer(name: string, script: string, settings: Record<string, string>): Promise<Server> {
    const database = `peer-${name}`;
    await this.query(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
    await this.query(`CREATE DATABASE "${database}"`);
    return this.start(name, script, { DATABASE_URL: this.postgres.url(database), ...settings });
  }

  async clear(): Promise<void> {
    for (const cleanUp of this.cleanUps.splice(0).reverse()) await cleanUp();
  }

  private async start(
    name: string,
    script: string,
    settings: Record<string, string>,
    node = this.node.path,
    flags: readonly string[] = [],
  ): Promise<Server> {
    const server = await startServer(name, script, settings, node, flags);
    this.cleanUps.push(() => stopProcess(server.process));
    return server;
  }
}

function migrate(settings: Record<string, string>): void {
  execFileSync(process.execPath, ['dist/migrate.js'], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
