import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { Database } from '../../../src/store/database/database.ts';
import { isOutage, isRefusal } from '../../../src/store/database/outage.ts';
import { PrismaBulkRevocations } from '../../../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaSessionRegistry } from '../../../src/store/prisma/prisma-session-registry.ts';
import { PrismaSessionStore } from '../../../src/store/prisma/prisma-session-store.ts';
import { Unavailable } from '../../../src/core/unavailable.ts';
import { TestDatabase } from '../../support/database.ts';
import { PostgresServer, freePort } from '../../support/postgres.ts';
import { SETTINGS } from '../../support/service.ts';
import { BATCH_SIZE } from '../backends.ts';
import { newSession } from '../rows.ts';
import { LOGOUT } from '../events.ts';

/** What asking a database throws. */
async function failureOf(database: Database, statement = 'SELECT 1'): Promise<unknown> {
  return database
    .run((prisma) => prisma.$queryRawUnsafe(statement))
    .then(
      (rows) => rows,
      (error: unknown) => error,
    );
}

async function failureAt(url: string): Promise<unknown> {
  const database = await Database.open({ kind: 'postgresql', url });
  try {
    return await failureOf(database);
  } finally {
    await database.close();
  }
}

/** Holds that a failure was recognized by what the driver or the server said, and not by the time it took. */
function expectRecognized(failure: unknown, said: RegExp): void {
  expect(failure).toBeInstanceOf(Unavailable);
  const { cause } = failure as Unavailable;
  expect(cause).toBeInstanceOf(Error);
  expect(isOutage(cause)).toBe(true);
  expect(JSON.stringify(cause) + String(cause)).toMatch(said);
}

describe('nobody answers', () => {
  let listener: Server | undefined;
  const sockets = new Set<Socket>();

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => (listener ? listener.close(resolve) : resolve(undefined)));
    listener = undefined;
  });

  /** A port where somebody listens who is no PostgreSQL. */
  async function impostor(meet: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      meet(socket);
    });
    listener = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `postgresql://ada@127.0.0.1:${(server.address() as AddressInfo).port}/ratchet`;
  }

  test('when nothing listens at the port', async () => {
    const failure = await failureAt(`postgresql://ada@127.0.0.1:${await freePort()}/ratchet`);
    expectRecognized(failure, /ECONNREFUSED|DatabaseNotReachable/);
    expect(isRefusal(failure)).toBe(false);
    expect((failure as Error).message).toBe('The database does not answer: 127.0.0.1 cannot be reached');
  });

  test('the service says so at once as it starts, with host and port, and goes on trying', async () => {
    const port = await freePort();
    const url = `postgresql://ada:sesame@127.0.0.1:${port}/ratchet`;
    const service = spawn(process.execPath, ['dist/main.js'], {
      env: { ...SETTINGS, PATH: process.env['PATH'], DATABASE_URL: url, LOG_LEVEL: 'warn' },
    });
    try {
      const [line] = (await once(createInterface(service.stdout), 'line')) as [string];
      expect(line).toContain(`127.0.0.1 cannot be reached (127.0.0.1:${port}). Trying again`);
      expect(line).not.toContain('sesame');
      expect(service.exitCode).toBeNull();
    } finally {
      service.kill('SIGKILL');
    }
  });

  test('when no name server knows the host', async () => {
    expect(await failureAt('postgresql://ada@ratchet.invalid/ratchet')).toBeInstanceOf(Unavailable);
  });

  test('when the host takes the call and hangs up', async () => {
    const url = await impostor((socket) => socket.destroy());
    expectRecognized(await failureAt(url), /Connection terminated|ECONNRESET|ConnectionClosed/);
  });

  test('when the host takes the call and says nothing', async () => {
    const url = await impostor(() => undefined);
    expect(await failureAt(url)).toBeInstanceOf(Unavailable);
  });
});

describe('a server of the operator’s own', () => {
  let server: PostgresServer;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ratchet-hba-'));
    chmodSync(directory, 0o755);
    const hba = join(directory, 'pg_hba.conf');
    writeFileSync(hba, 'host all postgres all trust\nhost all all all scram-sha-256\n', { mode: 0o644 });
    server = await PostgresServer.start(['fsync=off', `hba_file=${hba}`]);
    const admin = new pg.Client({ connectionString: server.url() });
    await admin.connect();
    await admin.query(`CREATE ROLE ada LOGIN PASSWORD 'right'`);
    await admin.query(`CREATE ROLE crowd LOGIN PASSWORD 'right' CONNECTION LIMIT 0`);
    await admin.end();
  });

  afterAll(async () => {
    await server.destroy();
    rmSync(directory, { recursive: true });
  });

  const urlAs = (user: string, password: string, database = 'postgres'): string =>
    `postgresql://${user}:${password}@127.0.0.1:${server.port}/${database}`;

  test('answers whoever has the password', async () => {
    expect(await failureAt(urlAs('ada', 'right'))).toEqual([{ '?column?': 1 }]);
  });

  test.each([
    ['the password is wrong', () => urlAs('ada', 'sesame'), /password authentication failed/],
    ['the user is unknown', () => urlAs('eve', 'sesame'), /password authentication failed/],
    ['the database is missing', () => urlAs('ada', 'right', 'nowhere'), /does not exist/],
  ])('refuses, which waiting will not mend, if %s', async (_why, url, said) => {
    const failure = await failureAt(url());
    expectRecognized(failure, said);
    expect(isRefusal(failure)).toBe(true);
    expect(`${String(failure)} ${(failure as Error).stack}`).not.toContain('sesame');
  });

  test('may be full, which will pass', async () => {
    const failure = await failureAt(urlAs('crowd', 'right'));
    expectRecognized(failure, /TooManyConnections|too many connections/);
    expect(isRefusal(failure)).toBe(false);
  });

  test.each(['SIGINT', 'SIGQUIT'] as const)(
    'that goes down (%s) and comes back is used again by the same process',
    async (signal) => {
      const database = await Database.open({ kind: 'postgresql', url: urlAs('ada', 'right') });
      try {
        await database.ping();
        await server.stop(signal);
        await expect(database.ping()).rejects.toThrow(Unavailable);
        await expect(database.ping()).rejects.toThrow(Unavailable);
        await server.resume();
        await database.ping();
      } finally {
        await database.close();
      }
    },
  );
});

describe('a statement', () => {
  let server: TestDatabase;
  let database: Database;

  beforeEach(async () => {
    server = await TestDatabase.create();
    database = await Database.open({ kind: 'postgresql', url: server.url });
  });

  afterEach(async () => {
    await database.close();
    await server.drop();
  });

  test.each([
    ['whose connection an operator ended', 'SELECT pg_terminate_backend(pg_backend_pid())', /57P01|terminat/],
    ['that an operator cancelled', 'SELECT pg_cancel_backend(pg_backend_pid())', /57014/],
  ])('%s may be sent again', async (_how, statement, said) => {
    expectRecognized(await failureOf(database, statement), said);
    await database.ping();
  });

  test.each([
    ['statement_timeout', /57014/],
    ['lock_timeout', /55P03/],
  ])('that waits for a row longer than %s may be sent again', async (timeout, said) => {
    const { session } = await registryOn(database).open(newSession());
    const other = await server.connect();
    await other.query('BEGIN');
    await other.query('SELECT FROM public.sessions FOR UPDATE');
    const failure: unknown = await database
      .run((prisma) =>
        prisma.$transaction([
          prisma.$executeRawUnsafe(`SET LOCAL ${timeout} = 50`),
          prisma.$executeRaw`UPDATE sessions SET device = 'phone' WHERE id = ${session.id}::uuid`,
        ]),
      )
      .catch((error: unknown) => error);
    expectRecognized(failure, said);
    await other.query('ROLLBACK');
    await other.end();
    expect(await new PrismaSessionStore(database, BATCH_SIZE).revoke(session.id, LOGOUT)).toBeDefined();
  });

  test('that waits for a row is given up on before the client gives up on us', async () => {
    const { session } = await registryOn(database).open(newSession());
    const other = await server.connect();
    await other.query('BEGIN');
    await other.query('SELECT FROM public.sessions FOR UPDATE');
    const store = new PrismaSessionStore(database, BATCH_SIZE);
    await expect(store.rotate(session.id, 0, { grace: 10_000, recovery: 0, mode: 'rotate' })).rejects.toThrow(
      Unavailable,
    );
    await other.query('ROLLBACK');
    await other.end();
  });

  test('that writes to a server which only reads, such as a standby after a failover, may be sent again', async () => {
    const url = new URL(server.url);
    url.searchParams.set('options', '-c search_path=public -c default_transaction_read_only=on');
    const standby = await Database.open({ kind: 'postgresql', url: url.toString() });
    const failure: unknown = await registryOn(standby)
      .open(newSession())
      .catch((error: unknown) => error);
    await standby.close();
    expectRecognized(failure, /25006/);
  });

  test.each([
    ['the server has forgotten', 'DEALLOCATE ALL', /26000/],
    ['gives another kind of rows by now', 'ALTER TABLE public.changing ALTER COLUMN a TYPE text', /0A000/],
  ])('that was prepared, and that %s, may be sent again', async (_what, meanwhile, said) => {
    await failureOf(database, 'CREATE TABLE public.changing (a int)');
    await failureOf(database, 'SELECT a FROM public.changing');
    await failureOf(database, meanwhile);
    expectRecognized(await failureOf(database, 'SELECT a FROM public.changing'), said);
    expect(await failureOf(database, 'SELECT a FROM public.changing')).toEqual([]);
  });

  test('whose name is taken on its connection may be sent again: it has one name in every process', async () => {
    const statement = 'SELECT name FROM pg_prepared_statements WHERE statement ~ $$taken$$';
    const [prepared] = (await failureOf(database, statement)) as { name: string }[];
    expect(prepared!.name).toMatch(/^ratchet_[0-9a-f]{16}$/);
    const other = await Database.open({ kind: 'postgresql', url: server.url });
    await failureOf(other, `PREPARE ${prepared!.name} AS SELECT 1`);
    expectRecognized(await failureOf(other, statement), /42P05/);
    await other.close();
  });

  test.each([
    ['is no SQL', 'SELEKT 1'],
    ['names a table that is not there', 'SELECT * FROM nowhere'],
    ['divides by zero', 'SELECT 1 / 0'],
    ['reads text as a UUID', `SELECT 'no uuid'::uuid`],
    ['quotes what an outage would say', `SELECT 'connection terminated'::uuid`],
    ['breaks a constraint', `INSERT INTO public.signing_keys (kid) VALUES ('k')`],
    ['may not be run', `SET ROLE nobody_at_all`],
  ])('that %s is a mistake of ours and no outage', async (_what, statement) => {
    const failure = await failureOf(database, statement);
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(Unavailable);
    expect(isRefusal(failure)).toBe(false);
  });
});

describe('what is thrown elsewhere', () => {
  test.each([
    ['a TypeError', new TypeError('x is not a function')],
    ['an error with a foreign code', Object.assign(new Error('no'), { code: 'ENOENT' })],
    ['a string', 'connection terminated'],
    ['nothing', undefined],
    ['null', null],
  ])('is no outage: %s', (_what, thrown) => {
    expect(isOutage(thrown)).toBe(false);
    expect(isRefusal(thrown)).toBe(false);
  });

  test('does not keep us busy if it is its own cause', () => {
    const error = new Error('round and round');
    error.cause = error;
    expect(isOutage(error)).toBe(false);
  });

  test('reaches whoever asked as it was thrown', async () => {
    const database = await Database.open({ kind: 'postgresql', url: 'postgresql://ada@127.0.0.1:1/ratchet' });
    const bug = new TypeError('a bug');
    await expect(database.run(() => Promise.reject(bug))).rejects.toBe(bug);
    await database.close();
  });
});

function registryOn(database: Database): PrismaSessionRegistry {
  return new PrismaSessionRegistry(database, new PrismaBulkRevocations(database), BATCH_SIZE);
}
