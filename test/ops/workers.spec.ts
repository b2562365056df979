import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { TestDatabase } from '../support/database.ts';
import { freePort } from '../support/postgres.ts';
import { SERVICE_KEY, SETTINGS, spawnService, type TestService } from '../support/service.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Load, openSessions } from '../faults/load.ts';

const WORKERS = 2;
/** No answer for so long, in milliseconds, is none: an idle service takes a few. */
const STRANDED_AFTER = 15_000;

describe('a service of two workers', () => {
  let database: TestDatabase;
  let service: TestService;
  let log: string;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });

  beforeEach(async () => {
    const PORT = String(await freePort());
    service = await spawnService({
      DATABASE_URL: database.url,
      PORT,
      WORKERS: String(WORKERS),
      RATE_LIMIT_PER_SESSION: '1000000',
      RATE_LIMIT_PER_ADDRESS: '1000000',
    });
    // The first has said before that it listens.
    log = '"msg":"Server listening';
    service.process!.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await waitUntil('all workers', async () => (await answering()) === WORKERS);
  });

  afterEach(async () => {
    await service.stop();
  });

  afterAll(() => database.drop());

  /** The processes of the workers. */
  function workers(): number[] {
    const { pid } = service.process!;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }

  const timesLogged = (message: string): number => log.split(`"msg":"${message}`).length - 1;

  /** How many of them have answered a request so far. */
  async function answering(): Promise<number> {
    await atOnce(8, '/auth/refresh', { refreshToken: 'nonsense' });
    return new Set([...log.matchAll(/"worker":(\d+),"msg":"request"/g)].map(([, id]) => id)).size;
  }

  /** Posts to a path over as many connections, since a connection stays with its worker; the statuses, counted. */
  async function atOnce(many: number, path: string, body: unknown): Promise<Record<number, number>> {
    const statuses: Record<number, number> = {};
    await Promise.all(
      Array.from({ length: many }, async () => {
        const answer = await service.post(path, body, { connection: 'close' });
        await answer.text();
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      }),
    );
    return statuses;
  }

  async function refusals(): Promise<number> {
    const answer = await fetch(`${service.url}/metrics`, {
      headers: { authorization: `Bearer ${SERVICE_KEY}`, connection: 'close' },
    });
    const counted = /^ratchet_requests_total\{.*reason="malformed_token".*\} (\d+)$/m.exec(
      await answer.text(),
    );
    return Number(counted?.[1] ?? 0);
  }

  test('tells the metrics of both, whichever is asked', async () => {
    const before = await refusals();
    await atOnce(20, '/auth/refresh', { refreshToken: 'nonsense' });
    const told = await Promise.all(Array.from({ length: 6 }, refusals));
    expect(told).toEqual(Array(6).fill(before + 20));
  });

  test('replaces one that is killed, and loses nobody', async () => {
    const load = Load.start(() => [service.url], await openSessions(service, 40), { pause: 20 });
    try {
      for (let kill = 0; kill < 3; kill++) {
        await load.waitForProgress();
        const [victim] = workers() as [number];
        process.kill(victim, 'SIGKILL');
        await waitUntil('another in its place', () => timesLogged('Server listening') === WORKERS + kill + 1);
      }
      await load.finish((milliseconds) => database.advance(milliseconds));
      console.log(`3 SIGKILLs of a worker: ${load.summary()}`);
      expect([load.tally.lost, load.tally.surprises]).toEqual([[], []]);
    } finally {
      await load.stop();
    }
    expect(timesLogged('a worker has ended and is replaced')).toBe(3);
  }, 120_000);

  test('leaves no connection without an answer or an end when one is killed', async () => {
    const [url, headers] = [`${service.url}/health/live`, { connection: 'close' }];
    let stranded = 0;
    for (let kill = 0; kill < 3; kill++) {
      let replaced = false;
      const visitors = Array.from({ length: 40 }, async () => {
        while (!replaced) {
          try {
            await (await fetch(url, { headers, signal: AbortSignal.timeout(STRANDED_AFTER) })).text();
          } catch (error) {
            // One that was the killed worker's is cut, which its client sees.
            stranded += Number((error as Error).name === 'TimeoutError');
          }
        }
      });
      process.kill(workers()[0]!, 'SIGKILL');
      await waitUntil('another in its place', () => timesLogged('Server listening') === WORKERS + kill + 1);
      replaced = true;
      await Promise.all(visitors);
    }
    expect(stranded).toBe(0);
  }, 120_000);

  test('ends with 0 at SIGTERM, also if its workers are sent it, too', async () => {
    const pids = workers();
    const exit = once(service.process!, 'exit');
    for (const pid of [service.process!.pid!, ...pids]) process.kill(pid, 'SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('does not outlive its primary', async () => {
    const pids = workers();
    service.process!.kill('SIGKILL');
    await waitUntil('all gone', () => !pids.some(isAlive));
  });
});

describe('the workers of a service', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });

  afterAll(() => database.drop());

  test('end with 0 as well where some have not begun', async () => {
    // The others are forked when the first one listens, which is when this returns.
    const service = await spawnService({
      ...{ DATABASE_URL: database.url, WORKERS: '4', PORT: String(await freePort()) },
    });
    const exit = once(service.process!, 'exit');
    service.process!.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });

  test.each(['address', 'session'])('count the limit of one %s together', async (kind) => {
    const LIMIT = 10;
    const service = await spawnService({
      DATABASE_URL: database.url,
      WORKERS: String(WORKERS),
      [`RATE_LIMIT_PER_${kind.toUpperCase()}`]: String(LIMIT),
      PORT: String(await freePort()),
    });
    try {
      const { refreshToken } = await service.open();
      const answers = await Promise.all(
        Array.from({ length: 3 * LIMIT }, async () => {
          const answer = await service.post('/auth/refresh', { refreshToken }, { connection: 'close' });
          await answer.text();
          return answer.status;
        }),
      );
      expect(answers.filter((status) => status === 200)).toHaveLength(LIMIT);
      expect(answers.filter((status) => status === 429)).toHaveLength(2 * LIMIT);
    } finally {
      await service.stop();
    }
  });

  test.each([
    ['WORKERS is no number', { WORKERS: 'many' }, 'WORKERS: "many" is not a whole number from 1 to 256'],
    [
      'the database is embedded',
      { WORKERS: '2', DATABASE_URL: '' },
      'WORKERS: is for one process on the embedded',
    ],
    ['a setting is wrong', { WORKERS: '3', ROTATION_GRACE: 'x' }, 'ROTATION_GRACE: "x" is not a duration'],
  ])('say once what is wrong where %s, and it ends with 1', async (_name, settings, message) => {
    const child = spawn(process.execPath, ['dist/main.js'], {
      env: { ...SETTINGS, PATH: process.env['PATH'], DATABASE_URL: database.url, ...settings },
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said.split(message)).toHaveLength(2);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
