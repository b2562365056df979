import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import type { RawAnswer } from '../support/raw-http.ts';
import { startService, type TestService } from '../support/service.ts';
import { baseOf, schemasOf, type Json } from './as-published.ts';
import { EVERY_CONTRACT, frontends, mounted } from './every-contract.ts';
import type { Frontend } from './frontend.ts';
import { goldenOf, open, refresh, STORIES } from './stories.ts';

const NAMES = mounted.map(({ name }) => name);
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
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: EVERY_CONTRACT });
    limited = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: EVERY_CONTRACT,
      RATE_LIMIT_PER_SESSION: '1',
    });
    all = await frontends(service);
  });

  afterAll(async () => {
    await Promise.all([service.stop(), limited.stop()]);
    await server.destroy();
    if (!UPDATE) return;
    for (const name of NAMES) {
      const text = JSON.stringify(seen[name], null, 2);
      writeFileSync(fileOf(name), await format(text, { parser: 'json', printWidth: 110 }));
    }
  });

  function compare(name: string, story: string, answer: RawAnswer): void {
    seen[name]![story] = goldenOf(answer);
    const golden = JSON.parse(
      UPDATE ? JSON.stringify(seen[name]) : readFileSync(fileOf(name), 'utf8'),
    ) as Golden;
    expect(seen[name]![story]).toEqual(golden[story]);
    expect(undocumented(name, answer)).toEqual([]);
  }

  /** What the contract's own document does not know of an answer. */
  function undocumented(name: string, { status, body }: RawAnswer): unknown[] {
    const document = service.app!.documents.find((one) => one.name === name)!.document as unknown as Json;
    const path = all[name]!.askWrongly.path!.slice(baseOf(document).length);
    return schemasOf(document, path)(String(status), body);
  }

  describe.each(NAMES)('over %s', (name) => {
    test.each(Object.keys(STORIES))('%s', async (story) => {
      compare(name, story, await STORIES[story]!({ service, database, frontend: all[name]! }));
    });

    test('rate limited', async () => {
      const scene = { service: limited, database, frontend: all[name]! };
      const { refreshToken } = await open(scene);
      expect((await refresh(scene, refreshToken)).status).toBeLessThan(300);
      compare(name, 'rate limited', await refresh(scene, refreshToken));
    });
  });

  test('store down, over each of them, and up again: the token is still good', async () => {
    const scenes = NAMES.map((name) => ({ service, database, frontend: all[name]! }));
    const tokens = await Promise.all(scenes.map(async (scene) => (await open(scene)).refreshToken));
    await server.stop();
    for (const [index, scene] of scenes.entries()) {
      const answer = await refresh(scene, tokens[index]!);
      expect(answer.status).toBe(503);
      compare(NAMES[index]!, 'store down', answer);
    }
    await server.resume();
    for (const [index, scene] of scenes.entries()) {
      for (let tried = 0; (await refresh(scene, tokens[index]!)).status >= 300; tried++)
        expect(tried).toBeLessThan(20);
    }
  });
});
