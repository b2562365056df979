import { readFileSync, writeFileSync } from 'node:fs';
import { everyContract } from '../../src/contracts/registry.ts';
import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { startService, type TestService } from '../support/service.ts';
import { frontends, goldenOf, open, refresh, STORIES, type Frontend } from './stories.ts';

const NAMES = everyContract.map(({ name }) => name);
const CONTRACTS = everyContract.map(({ name, prefix }) => (prefix ? `${name}@${prefix}` : name)).join();
/** Set to write what was seen in place of comparing it; then read the difference before it is committed. */
const UPDATE = process.env['UPDATE_GOLDENS'] === '1';

type Golden = Record<string, unknown>;
const fileOf = (name: string): string => `test/contracts/goldens/${name}.json`;

describe('the same twelve stories', () => {
  let server: PostgresServer;
  let database: TestDatabase;
  let service: TestService;
  let limited: TestService;
  let all: Record<string, Frontend>;
  const seen: Record<string, Golden> = Object.fromEntries(NAMES.map((name) => [name, {}]));

  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
    await makeTemplate(server.url());
    database = await TestDatabase.create(server.url());
    service = await startService({ DATABASE_URL: database.url, CONTRACTS });
    limited = await startService({ DATABASE_URL: database.url, CONTRACTS, RATE_LIMIT_PER_SESSION: '1' });
    all = await frontends(service);
  });

  afterAll(async () => {
    await Promise.all([service.stop(), limited.stop()]);
    await server.destroy();
    if (!UPDATE) return;
    for (const name of NAMES) writeFileSync(fileOf(name), `${JSON.stringify(seen[name], null, 2)}\n`);
  });

  function compare(name: string, story: string, answer: Parameters<typeof goldenOf>[0]): void {
    seen[name]![story] = goldenOf(answer);
    const golden = JSON.parse(
      UPDATE ? JSON.stringify(seen[name]) : readFileSync(fileOf(name), 'utf8'),
    ) as Golden;
    expect(seen[name]![story]).toEqual(golden[story]);
  }

  describe.each(NAMES)('over %s', (name) => {
    test.each(Object.keys(STORIES))('%s', async (story) => {
      compare(name, story, await STORIES[story]!({ service, database, frontend: all[name]! }));
    });

    test('rate limited', async () => {
      const stage = { service: limited, database, frontend: all[name]! };
      const { refreshToken } = await open(stage);
      expect((await refresh(stage, refreshToken)).status).toBeLessThan(300);
      compare(name, 'rate limited', await refresh(stage, refreshToken));
    });
  });

  test('store down, over each of them, and up again: the token is still good', async () => {
    const stages = NAMES.map((name) => ({ service, database, frontend: all[name]! }));
    const tokens = await Promise.all(stages.map(async (stage) => (await open(stage)).refreshToken));
    await server.stop();
    for (const [index, stage] of stages.entries()) {
      const answer = await refresh(stage, tokens[index]!);
      expect(answer.status).toBe(503);
      compare(NAMES[index]!, 'store down', answer);
    }
    await server.resume();
    for (const [index, stage] of stages.entries()) {
      for (let tried = 0; (await refresh(stage, tokens[index]!)).status >= 300; tried++)
        expect(tried).toBeLessThan(20);
    }
  });
});
