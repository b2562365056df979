import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { SETTINGS, spawnService, type TestService } from '../support/service.ts';
import { runBuilt, type Ended } from '../store/run-built.ts';
import { advanceClock, Load, openSessions } from './load.ts';
import { PgBouncer, PROGRAMS } from './pgbouncer.ts';

const SESSIONS = 200;
const ROUNDS = 20;
const POOL = ['default_pool_size = 2', 'server_login_retry = 1'];

const having = (program: string | undefined): typeof describe => (program ? describe : describe.skip);
if (!PROGRAMS.new)
  console.log('PgBouncer: skipped, test/faults/pgbouncer.sh builds it, or PGBOUNCER_PATH names one');

let server: PostgresServer;
let database: TestDatabase;
let name: string;
const bouncers: PgBouncer[] = [];
const services: TestService[] = [];

beforeAll(async () => {
  server = await PostgresServer.start(['fsync=off']);
  await makeTemplate(server.url());
  database = await TestDatabase.create(server.url());
  name = new URL(database.url).pathname.slice(1);
  await database.query(`ALTER DATABASE ${name} SET search_path = clock, pg_catalog, public`);
});

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await Promise.all(bouncers.splice(0).map((bouncer) => bouncer.destroy()));
});

afterAll(async () => {
  await database.drop();
  await server.destroy();
});

/** On a connection of its own, which no restart has cut. */
async function run(sql: string): Promise<void> {
  const client = await database.connect();
  await client.query(sql);
  await client.end();
}

async function bounce(program: string, ...settings: string[]): Promise<PgBouncer> {
  const bouncer = await PgBouncer.start(program, server.port, [...POOL, ...settings]);
  bouncers.push(bouncer);
  return bouncer;
}

const startAt = (url: string): Promise<Ended> =>
  runBuilt(['dist/main.js'], { ...SETTINGS, LOG_LEVEL: 'info', DATABASE_URL: url });

having(PROGRAMS.new)('behind PgBouncer with two connections, in transaction mode', () => {
  beforeAll(() => run(`ALTER DATABASE ${name} SET statement_timeout = '1700ms'`));

  async function serve(bouncer: PgBouncer, replicas: number): Promise<void> {
    for (let started = 0; started < replicas; started++)
      services.push(await spawnService({ DATABASE_URL: bouncer.url(name), ROTATION_GRACE: '5s' }));
  }

  test('200 sessions go on, whichever of PgBouncer and PostgreSQL is restarted', async () => {
    const bouncer = await bounce(PROGRAMS.new!);
    await serve(bouncer, 2);
    const load = Load.start(() => services.map(({ url }) => url), await openSessions(services[0]!, SESSIONS));
    await load.waitForProgress(5 * SESSIONS);
    for (const each of ['PgBouncer', 'PostgreSQL'] as const)
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        const its = each === 'PgBouncer' ? bouncer : server;
        await its.stop(signal);
        await load.waitForOutage(SESSIONS);
        await its.resume();
        await load.waitForProgress();
        await load.waitForProgress(5 * SESSIONS);
      }
    await load.finish((milliseconds) => advanceClock(server.url(name), milliseconds));
    console.log(`behind PgBouncer, it and PostgreSQL restarted twice each: ${load.summary()}`);
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
  });

  test('one token presented fifty times at once, at two processes, has one successor', async () => {
    await serve(await bounce(PROGRAMS.new!), 2);
    const tokens = await openSessions(services[0]!, ROUNDS);
    for (const token of tokens) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, async (_, at) => {
          const response = await services[at % 2]!.refresh(token);
          const { refreshToken } = (await response.json()) as { refreshToken?: string };
          return `${response.status} ${refreshToken}`;
        }),
      );
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toMatch(/^200 rt1_/);
    }
  });

  test('a statement whose result has changed is a 503, until PgBouncer is told to connect anew', async () => {
    const bouncer = await bounce(PROGRAMS.new!);
    await serve(bouncer, 1);
    const [token] = await openSessions(services[0]!, 1);
    const statusOf = async (): Promise<number> => (await services[0]!.refresh(token!)).status;
    expect(await statusOf()).toBe(200);
    await advanceClock(server.url(name), 6_000);
    await run('ALTER TABLE public.sessions ALTER COLUMN acr TYPE varchar');
    expect(await statusOf()).toBe(503);
    await bouncer.reconnect();
    expect(await statusOf()).toBe(200);
  });
});

having(PROGRAMS.new)('a service that is started behind PgBouncer', () => {
  beforeEach(() => run(`ALTER DATABASE ${name} RESET statement_timeout`));

  test('without being told so says what to write', async () => {
    const { code, stderr } = await startAt((await bounce(PROGRAMS.new!)).url(name, ''));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DATABASE_URL leads to PgBouncer: say so with pgbouncer=true.*\n$/);
  });

  test('whose role does not limit its statements says what to run', async () => {
    const { code, stderr } = await startAt((await bounce(PROGRAMS.new!)).url(name));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Behind PgBouncer, .* ALTER ROLE CURRENT_USER SET statement_timeout = '1700ms'.*\n$/,
    );
  });

  test('that is told to keep no prepared statements says so, also when it is started again', async () => {
    const bouncer = await bounce(PROGRAMS.new!, 'max_prepared_statements = 0');
    for (let times = 0; times < 2; times++) {
      const { code, stderr } = await startAt(bouncer.url(name));
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^PgBouncer keeps no prepared statements .* 1\.21 or newer .*max_prepared_statements.*\n$/,
      );
    }
  });

  test('cannot migrate through it, and says so', async () => {
    const { code, stderr } = await runBuilt(['dist/migrate.js'], {
      DATABASE_URL: (await bounce(PROGRAMS.new!)).url(name),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/DATABASE_URL: has pgbouncer=true, but migrations need PostgreSQL itself/);
  });
});

having(PROGRAMS.old)('behind a PgBouncer that is older than 1.21', () => {
  test.each([
    ['as it comes', []],
    ['that ignores what it does not know', ['ignore_startup_parameters = options']],
  ])('%s, the service does not start, and says why', async (_how, settings) => {
    const bouncer = await bounce(PROGRAMS.old!, ...settings);
    for (let times = 0; times < 2; times++) {
      const { code, stderr } = await startAt(bouncer.url(name));
      expect(code).toBe(1);
      expect(stderr).toMatch(/^PgBouncer keeps no prepared statements .* 1\.21 or newer .*\n$/);
    }
  });
});
