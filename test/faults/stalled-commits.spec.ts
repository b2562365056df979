import { setTimeout as pause } from 'node:timers/promises';
import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { countOf, Load, openSessions } from './load.ts';

const SESSIONS = 300;
/** How long the standby is away, in milliseconds: longer than the grace window of 10 s. */
const STALL = 25_000;

describe('a primary that commits nothing without its standby', () => {
  let server: PostgresServer;
  let service: TestService | undefined;
  let load: Load | undefined;

  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
    await makeTemplate(server.url());
  });

  afterAll(async () => {
    await load?.stop();
    await service?.stop();
    await server.destroy();
  });

  test(`waits for it for ${STALL / 1_000} s, and ${SESSIONS} clients who ask again every second are not logged out`, async () => {
    const database = await TestDatabase.create(server.url());
    const { url } = (service = await spawnService({ DATABASE_URL: database.url, BATCH_SIZE: '1000' }));
    const tokens = await openSessions(service, SESSIONS);
    load = Load.start(() => [url], tokens, { retryAfter: 1_000 });
    await load.waitForProgress();

    // At once all are to be turned, and no turn is committed: that of the clock was the last.
    await load.sleep(async (milliseconds) => {
      await database.advance(milliseconds);
      await database.query(`ALTER SYSTEM SET synchronous_standby_names = 'away'`);
      await database.query('SELECT pg_reload_conf()');
    });
    let waiting = 0;
    for (const since = performance.now(); performance.now() - since < STALL;) {
      waiting = Math.max(waiting, await waitingCommits(database));
      await pause(100);
    }
    const refused = load.tally.answers.get('503');
    await database.query('ALTER SYSTEM RESET synchronous_standby_names');
    await database.query('SELECT pg_reload_conf()');
    await load.waitForProgress();
    await load.finish((milliseconds) => database.advance(milliseconds));
    const recovered = await countOf('recover', service);
    console.log(
      `commits stalled for ${STALL / 1_000} s, up to ${waiting} at a time: ${load.summary()}; ${recovered} recovered`,
    );
    expect(waiting).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(SESSIONS);
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
    expect(recovered).toBeGreaterThan(SESSIONS / 2);
  });
});

async function waitingCommits(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
  );
  return row!.waiting;
}
