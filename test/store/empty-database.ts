import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database without any schema, on the server that the tests share. */
export class EmptyDatabase {
  private constructor(
    private readonly name: string,
    readonly url: string,
  ) {}

  static async create(): Promise<EmptyDatabase> {
    const name = `ratchet_empty_${randomBytes(6).toString('hex')}`;
    const url = new URL(server());
    url.pathname = `/${name}`;
    await run(server(), `CREATE DATABASE ${name}`);
    return new EmptyDatabase(name, url.toString());
  }

  /** The rows of one statement. */
  query<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
    return run(this.url, sql);
  }

  async drop(): Promise<void> {
    await run(server(), `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}

function server(): string {
  return process.env['RATCHET_TEST_SERVER']!;
}

async function run<T extends pg.QueryResultRow>(connectionString: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}
