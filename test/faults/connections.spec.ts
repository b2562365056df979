import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, openSync, closeSync, renameSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { advanceClock, Load, openSessions, type Tally } from './load.ts';
import { SlowLink } from './slow-link.ts';
import { waitUntil } from '../support/wait-until.ts';

const SESSIONS = 200;
const CONNECTIONS = 30;

const told = (tally: Tally, answer: string): number => tally.answers.get(answer) ?? 0;

/** Waits until a load has been told 503 so many times more. */
function waitForOutage(load: Load, times = SESSIONS): Promise<void> {
  const before = told(load.tally, '503');
  return waitUntil(`${times} answers of 503`, () => told(load.tally, '503') >= before + times);
}

/** Ends a load and holds that nobody was logged out, or told anything else but to try again. */
async function survive(load: Load, database: TestDatabase, done: string): Promise<void> {
  const { lost, surprises } = await load.finish((milliseconds) => advanceClock(database.url, milliseconds));
  console.log(`${done}: ${load.summary()}`);
  expect(lost).toEqual([]);
  expect(surprises).toEqual([]);
}

describe('200 sessions refresh, and', () => {
  let server: PostgresServer;
  let database: TestDatabase;
  let service: TestService;
  const started: TestService[] = [];

  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off', `max_connections=${CONNECTIONS}`]);
    await makeTemplate(server.url());
  });

  beforeEach(async () => {
    database = await TestDatabase.create(server.url());
    service = await start(database.url);
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map(({ stop }) => stop()));
    await database.drop();
  });

  afterAll(() => server.destroy());

  async function start(url: string): Promise<TestService> {
    const one = await spawnService({ DATABASE_URL: url });
    // Nobody reads what it says, and a pipe that is full would stop it.
    one.process!.stdout!.resume();
    started.push(one);
    return one;
  }

  const load = async (): Promise<Load> =>
    Load.start(() => [service.url], await openSessions(service, SESSIONS));

  async function cutConnections(): Promise<number> {
    const cut = await database.query<{ ended: boolean }>(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE application_name = 'ratchet'`,
    );
    return cut.length;
  }

  test('their connections to the database are cut, again and again', async () => {
    const sessions = await load();
    await sessions.waitForProgress();
    let cut = 0;
    for (let round = 0; round < 60; round++) {
      cut += await cutConnections();
      await sessions.waitForProgress(SESSIONS / 4);
    }
    await sessions.waitForProgress();
    expect(cut).toBeGreaterThan(60);
    await survive(sessions, database, `connections: ${cut} cut in 60 rounds`);
  });

  test('somebody else takes all connections that the server has, and gives them back', async () => {
    const sessions = await load();
    await sessions.waitForProgress();
    const others: pg.Client[] = [];
    await waitUntil('all connections taken', async () => {
      await cutConnections();
      while (await take(others));
      const [row] = await database.query<{ left: number }>(
        `SELECT count(*)::int AS left FROM pg_stat_activity WHERE application_name = 'ratchet'`,
      );
      return row!.left === 0;
    });
    await waitForOutage(sessions, 2 * SESSIONS);
    await Promise.all(others.map((client) => client.end()));
    await sessions.waitForProgress();
    await survive(
      sessions,
      database,
      `connections: all taken by ${others.length} others, until 400 times told to wait`,
    );
  });

  async function take(others: pg.Client[]): Promise<boolean> {
    const client = new pg.Client({ connectionString: server.url() });
    client.on('error', () => undefined);
    const taken = await client.connect().then(
      () => true,
      () => false,
    );
    if (taken) others.push(client);
    return taken;
  }

  test('the row of one of them, who has twelve tabs open, is locked for ten seconds', async () => {
    const sessions = await load();
    const { refreshToken, session } = await service.open();
    const tabs = Load.start(
      () => [service.url],
      Array.from({ length: 12 }, () => refreshToken),
      // What one of them has lost, the next one's answer puts into the cookie jar that they share.
      { losses: 0 },
    );
    await Promise.all([sessions.waitForProgress(), tabs.waitForProgress()]);
    // So that the tabs ask for a turn, which waits for the row.
    await database.advance(11_000);

    const pace = async (): Promise<number> => {
      const [before, since] = [sessions.tally.refreshes, performance.now()];
      await waitUntil('five seconds', () => performance.now() - since > 5_000);
      return (sessions.tally.refreshes - before) / 5;
    };
    const other = await database.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM public.sessions WHERE id = $1 FOR UPDATE', [session.id]);
    const lockedAt = performance.now();
    await waitForOutage(tabs, 1);
    const turnsBefore = tabs.tally.refreshes;
    const others503 = told(sessions.tally, '503');
    const during = await pace();
    await waitUntil('ten seconds', () => performance.now() - lockedAt > 10_000);
    const turnsDuring = tabs.tally.refreshes - turnsBefore;
    await other.query('ROLLBACK');
    await other.end();
    await Promise.all([sessions.waitForProgress(), tabs.waitForProgress()]);
    const after = await pace();
    const line = `a row locked for 10 s: the others at ${during.toFixed(0)} a second during, ${after.toFixed(0)} after`;
    const { lost, surprises } = await tabs.stop();
    console.log(`a row locked for 10 s: its twelve tabs: ${tabs.summary()}`);
    expect([lost, surprises]).toEqual([[], []]);
    await survive(sessions, database, line);
    expect(turnsDuring).toBe(0);
    expect(told(sessions.tally, '503')).toBe(others503);
    expect(during).toBeGreaterThan(0.5 * after);
  });

  test('the database is suddenly half a second away', async () => {
    const link = await SlowLink.to(server.port);
    try {
      const url = new URL(database.url);
      url.port = String(link.port);
      service = await start(url.toString());
      const sessions = await load();
      await sessions.waitForProgress();
      link.delay = 250;
      const before = sessions.tally.refreshes;
      const since = performance.now();
      for (let round = 0; round < 3; round++) await sessions.waitForProgress();
      // New connections are as slow as the old ones.
      await cutConnections();
      for (let round = 0; round < 3; round++) await sessions.waitForProgress();
      const rate = ((sessions.tally.refreshes - before) * 1_000) / (performance.now() - since);
      link.delay = 0;
      await sessions.waitForProgress();
      await survive(
        sessions,
        database,
        `500 ms to the database and back: ${rate.toFixed(0)} a second meanwhile`,
      );
    } finally {
      await Promise.all(started.splice(0).map(({ stop }) => stop()));
      await link.close();
    }
  });

  test('all that the API admits is in each of them', async () => {
    const largest = largestSession();
    const bytes = Buffer.byteLength(JSON.stringify(largest));
    const tokens = await openSessions(service, SESSIONS, largest);
    const sessions = Load.start(() => [service.url], tokens);
    for (let round = 0; round < 5; round++) {
      await sessions.waitForProgress();
      await database.advance(11_000);
    }
    await sessions.waitForProgress();
    const response = await service.refresh(sessions.tokens[0]!);
    const { accessToken } = (await response.json()) as { accessToken: string };
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: largest['subject'],
      aud: largest['audience'],
      ...(largest['claims'] as object),
    });
    await survive(sessions, database, `sessions of ${bytes} bytes, access tokens of ${accessToken.length}`);
    const larger = { ...largest, claims: { text: 'x'.repeat(4_097) } };
    expect((await service.api('POST', '/sessions', larger)).status).toBe(400);
  });
});

describe('200 sessions refresh, and the disk is full', () => {
  const mounts: string[] = [];
  const servers: PostgresServer[] = [];
  const services: TestService[] = [];

  afterEach(async () => {
    await Promise.all(services.splice(0).map(({ stop }) => stop()));
    await Promise.all(servers.splice(0).map((server) => server.destroy()));
    for (const mount of mounts.splice(0)) {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    }
  });

  /** A small disk of its own; undefined where none may be had. */
  function smallDisk(megabytes: number): string | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder], {
        stdio: 'ignore',
      });
    } catch {
      rmSync(folder, { recursive: true });
      console.log('a full disk: skipped, no file system may be mounted here');
      return undefined;
    }
    mounts.push(folder);
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'])));
    chownSync(folder, uid!, gid!);
    return folder;
  }

  /** Fills a disk to its last byte; gives what frees it. */
  function fill(disk: string): () => void {
    const file = join(disk, 'filler');
    const descriptor = openSync(file, 'w');
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      try {
        for (;;) if (writeSync(descriptor, Buffer.alloc(size)) < size) break;
      } catch {
        // No room for a piece of this size.
      }
    }
    closeSync(descriptor);
    return () => rmSync(file);
  }

  async function start(
    settings: readonly string[] = [],
  ): Promise<{ server: PostgresServer; folder: string }> {
    const server = await PostgresServer.start(['fsync=off', ...settings]);
    servers.push(server);
    await makeTemplate(server.url());
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    await client.end();
    return { server, folder: rows[0]!.data_directory };
  }

  async function load(database: TestDatabase): Promise<Load> {
    const service = await spawnService({ DATABASE_URL: database.url });
    service.process!.stdout!.resume();
    services.push(service);
    return Load.start(() => [service.url], await openSessions(service, SESSIONS));
  }

  test('that the sessions lie on', async () => {
    const { server } = await start();
    const disk = smallDisk(8);
    if (!disk) return;
    const database = await TestDatabase.create(server.url());
    await database.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
    await database.query('ALTER TABLE public.sessions SET TABLESPACE small');
    const sessions = await load(database);
    await sessions.waitForProgress();

    // While somebody looks at all that was, PostgreSQL clears nothing away: every turn needs room.
    const other = await database.connect();
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await other.query('SELECT count(*) FROM public.sessions');
    const free = fill(disk);
    const before = sessions.tally.rotations;
    await waitUntil('turns to be refused', async () => {
      await database.advance(11_000);
      await pause(300);
      return told(sessions.tally, '503') > 2 * SESSIONS;
    });
    const written = sessions.tally.rotations - before;
    free();
    await other.query('ROLLBACK');
    await other.end();
    await sessions.waitForProgress();
    await survive(sessions, database, `the sessions’ disk full (after ${written} more turns)`);
  });

  test('that the log of changes lies on, so that PostgreSQL itself goes down', async () => {
    const { server, folder } = await start(['max_wal_size=32MB', 'min_wal_size=32MB']);
    const disk = smallDisk(64);
    if (!disk) return;
    await server.stop();
    execFileSync('cp', ['-a', join(folder, 'pg_wal'), join(disk, 'pg_wal')]);
    renameSync(join(folder, 'pg_wal'), join(folder, 'old_wal'));
    execFileSync('ln', ['-s', join(disk, 'pg_wal'), join(folder, 'pg_wal')]);
    await server.resume();
    const database = await TestDatabase.create(server.url());
    const sessions = await load(database);
    await sessions.waitForProgress();

    const free = fill(disk);
    const other = await database.connect();
    let panic = '';
    await waitUntil('the log of changes to end', () =>
      other.query('SELECT pg_switch_wal(), pg_logical_emit_message(true, $1, $2)', ['ratchet', 'full']).then(
        () => false,
        (error: unknown) => {
          panic = String(error);
          return true;
        },
      ),
    );
    await waitForOutage(sessions);
    free();
    await other.end().catch(() => undefined);
    const alive = await answers(server);
    if (!alive) {
      await server.stop('SIGQUIT');
      await server.resume();
    }
    await sessions.waitForProgress();
    await survive(
      sessions,
      database,
      `the disk of the log of changes full (${panic}; PostgreSQL ${alive ? 'came back by itself' : 'was started again'})`,
    );
  });

  async function answers(server: PostgresServer): Promise<boolean> {
    const client = new pg.Client({ connectionString: server.url() });
    client.on('error', () => undefined);
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end().catch(() => undefined);
    return connected;
  }
});

/** A session to be opened that is as large as it may be in everything. */
function largestSession(): Record<string, unknown> {
  const claims = { text: '' };
  claims.text = 'x'.repeat(4_096 - JSON.stringify(claims).length);
  return {
    subject: 's'.repeat(255),
    clientId: 'c'.repeat(255),
    unbound: true,
    scope: Array.from({ length: 64 }, (_, at) => `scope-${at}`.padEnd(31, '.')).join(' '),
    audience: Array.from({ length: 16 }, (_, at) => `https://api-${at}.example.com/`.padEnd(255, 'a')),
    claims,
    device: 'd'.repeat(255),
    amr: Array.from({ length: 16 }, (_, at) => `way-${at}`.padEnd(64, '.')),
    acr: 'u'.repeat(255),
  };
}
