import { Agent, request } from 'node:http';
import { spawnService, type OpenedSession, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

const ROUNDS = Number(process.env['DEADLOCK_ROUNDS'] ?? 10_000);
const TIMES = 20;
/** Rounds that run side by side, so that a statement holds rows of several sessions. */
const SIDE_BY_SIDE = 10;

describe('twenty refreshes of one token at two processes', () => {
  const { database, start } = useDatabase();

  test(`over ${ROUNDS} rounds never deadlock, and are one turn each`, async () => {
    const services = await Promise.all([start({}, spawnService), start({}, spawnService)]);
    const agent = new Agent({ keepAlive: true, maxSockets: SIDE_BY_SIDE * TIMES });
    try {
      let left = ROUNDS;
      const run = async (): Promise<void> => {
        while (left-- > 0) await race(services, agent);
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, run));
      const [row] = await database.query<{ turns: number; most: number }>(
        'SELECT sum(generation)::int AS turns, max(generation) AS most FROM sessions',
      );
      expect(row).toEqual({ turns: ROUNDS, most: 1 });
      const [stats] = await database.query<{ deadlocks: number }>(
        'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
      );
      expect(stats!.deadlocks).toBe(0);
      console.log(`${ROUNDS} rounds of ${TIMES} at two processes: ${ROUNDS} turns, no deadlock`);
    } finally {
      agent.destroy();
    }
  }, 1_200_000);
});

async function race(services: readonly TestService[], agent: Agent): Promise<void> {
  const { refreshToken } = await services[0]!.open();
  const answers = await Promise.all(
    Array.from({ length: TIMES }, (_, at) => refresh(services[at % 2]!.url, refreshToken, agent)),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array<number>(TIMES).fill(200));
  const successors = new Set(answers.map(({ body }) => (JSON.parse(body) as OpenedSession).refreshToken));
  expect(successors.size).toBe(1);
}

function refresh(url: string, refreshToken: string, agent: Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    request(`${url}/auth/refresh`, { method: 'POST', agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    })
      .on('error', reject)
      .end(JSON.stringify({ refreshToken }));
  });
}
