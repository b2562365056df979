import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { countOf, Load, openSessions } from './load.ts';

const SESSIONS = 200;
const KILLS = 10;
/** How old a backup is when it is restored, in milliseconds. */
const BACKUP_AGE = 30_000;
/** Longer than PostgreSQL takes to come back, and short enough that sessions rotate all the time. */
const GRACE = '5s';
/** Commits reach the disk up to half a minute after they were answered. */
const LAZY = [
  'synchronous_commit=off',
  'wal_writer_delay=10s',
  'wal_writer_flush_after=512MB',
  'wal_buffers=64MB',
];

describe('sessions that refresh all the time live on when PostgreSQL', () => {
  let server: PostgresServer | undefined;
  let service: TestService | undefined;
  let load: Load | undefined;

  afterEach(async () => {
    await load?.stop();
    await service?.stop();
    await server?.destroy();
    load = service = server = undefined;
  });

  async function begin(
    settings: readonly string[],
    grace = GRACE,
  ): Promise<{ load: Load; service: TestService; database: TestDatabase }> {
    server = await PostgresServer.start(settings);
    await makeTemplate(server.url());
    const database = await TestDatabase.create(server.url());
    const { url } = (service = await spawnService({
      DATABASE_URL: database.url,
      ROTATION_GRACE: grace,
    }));
    const tokens = await openSessions(service, SESSIONS);
    await database.query('CHECKPOINT');
    load = Load.start(() => [url], tokens);
    await load.waitForProgress();
    return { load, service, database };
  }

  function expectNoneLost({ tally }: Load): void {
    expect(tally.lost).toEqual([]);
    expect(tally.surprises).toEqual([]);
  }

  test(`is killed ${KILLS} times`, async () => {
    const running = await begin([], '30s');
    for (let kill = 0; kill < KILLS; kill++) {
      // All are to be turned now, and some are, another number each time.
      const other = await running.database.connect();
      await other.query(`UPDATE clock.shift SET by = by + interval '31 seconds'`);
      await other.end();
      await running.load.waitForProgress(1 + 15 * kill);
      await server!.stop('SIGKILL');
      await server!.resume();
      await running.load.waitForProgress();
    }
    const healed = await countOf('fast-forward', running.service);
    const replayed = await countOf('replay', running.service);
    await running.load.stop();
    console.log(
      `${KILLS} SIGKILLs of PostgreSQL: ${running.load.summary()}; ` +
        `${replayed} lost answers given again, ${healed} had lost commits`,
    );
    expectNoneLost(running.load);
    expect(running.load.tally.rotations).toBeGreaterThan((KILLS / 2) * SESSIONS);
    expect(running.load.tally.answers.get('503')).toBeGreaterThan(0);
    // What was answered was on disk.
    expect(healed).toBe(0);
  });

  test('is killed and had answered for commits that were not on disk', async () => {
    const running = await begin(LAZY);
    // Each has turned at least once since the checkpoint.
    await running.load.waitForProgress(25 * SESSIONS);
    await server!.stop('SIGKILL');
    await server!.resume();
    await running.load.waitForProgress();
    await running.load.waitForProgress(25 * SESSIONS);
    const healed = await countOf('fast-forward', running.service);
    await running.load.stop();
    console.log(
      `a SIGKILL with synchronous_commit=off: ${running.load.summary()}; ${healed} healed of lost commits`,
    );
    expectNoneLost(running.load);
    expect(healed).toBeGreaterThan(0);
  });

  test('is restored from a backup, which forgets what was ended since', async () => {
    const running = await begin([]);
    const { session, refreshToken } = await running.service.open();
    const backup = await server!.backUp(server!.port);
    await running.service.api('DELETE', `/sessions/${session.id}`);
    expect((await running.service.refresh(refreshToken)).status).toBe(401);
    // Every session has moved on since, most of them by several turns.
    for (const takenAt = performance.now(); performance.now() - takenAt < BACKUP_AGE;)
      await running.load.waitForProgress(SESSIONS);
    await server!.destroy();
    await backup.resume();
    server = backup;
    await running.load.waitForProgress();
    await running.load.waitForProgress(25 * SESSIONS);
    const healed = await countOf('fast-forward', running.service);
    const revived = (await running.service.refresh(refreshToken)).status;
    await running.load.stop();
    console.log(
      `a restore from a base backup taken ${BACKUP_AGE / 1_000} s before: ${running.load.summary()}; ${healed} healed of lost commits; ` +
        `a session that was ended after the backup is ${revived === 200 ? 'alive again' : 'still ended'}`,
    );
    expectNoneLost(running.load);
    expect(healed).toBeGreaterThanOrEqual(SESSIONS);
    expect(revived).toBe(200);
  });
});
