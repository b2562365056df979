import { setTimeout as pause } from 'node:timers/promises';
import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { runBuilt } from '../store/run-built.ts';
import { SETTINGS, spawnService, type TestService } from '../support/service.ts';
import { type Advance, advanceClock, countOf, Load, openSessions } from './load.ts';

const SESSIONS = 200;
const KILLS = 10;
/** How often, and for how long (in milliseconds), it stays away for longer than the grace window of then. */
const [OUTAGES, AWAY, SHORT_GRACE] = [5, 3_000, '2s'];
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
  ): Promise<{ load: Load; service: TestService; database: TestDatabase; advance: Advance }> {
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
    const advance: Advance = (milliseconds) => advanceClock(database.url, milliseconds);
    return { load, service, database, advance };
  }

  function expectNoneLost({ tally }: Load): void {
    expect(tally.lost).toEqual([]);
    expect(tally.surprises).toEqual([]);
  }

  test(`is killed ${KILLS} times`, async () => {
    const running = await begin([], '30s');
    for (let kill = 0; kill < KILLS; kill++) {
      // All are to be turned now, and some are, another number each time.
      await running.load.sleep(running.advance);
      await running.load.waitForProgress(1 + 15 * kill);
      await server!.stop('SIGKILL');
      await server!.resume();
      await running.load.waitForProgress();
    }
    const healed = await countOf('fast-forward', running.service);
    const retried = await countOf('retry', running.service);
    await running.load.finish(running.advance);
    console.log(
      `${KILLS} SIGKILLs of PostgreSQL: ${running.load.summary()}; ` +
        `${retried} lost answers given again, ${healed} had lost commits`,
    );
    expectNoneLost(running.load);
    expect(running.load.tally.rotations).toBeGreaterThan((KILLS / 2) * SESSIONS);
    expect(running.load.tally.answers.get('503')).toBeGreaterThan(0);
    // What was answered was on disk.
    expect(healed).toBe(0);
  });

  test(`is killed ${OUTAGES} times and stays away for longer than the grace window`, async () => {
    const running = await begin([], SHORT_GRACE);
    let recovered = 0;
    for (let outage = 0; outage < OUTAGES; outage++) {
      await running.load.sleep(running.advance);
      await running.load.waitForProgress(SESSIONS / 10 + 15 * outage);
      const before = await countOf('recover', running.service);
      await server!.stop('SIGKILL');
      await pause(AWAY);
      await server!.resume();
      await running.load.waitForProgress();
      recovered += (await countOf('recover', running.service)) - before;
    }
    await running.load.finish(running.advance);
    console.log(
      `${OUTAGES} outages of PostgreSQL of ${AWAY / 1_000} s, ROTATION_GRACE=${SHORT_GRACE}: ${running.load.summary()}; ` +
        `${recovered} answers that an outage had swallowed recovered after it`,
    );
    expectNoneLost(running.load);
    expect(recovered).toBeGreaterThan(0);
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
    await running.load.finish(running.advance);
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
    const withdraw = async (...kids: string[]): Promise<string> => {
      const settings = { ...SETTINGS, DATABASE_URL: running.database.url };
      return (await runBuilt(['dist/withdraw-key.js', ...kids], settings)).stdout;
    };
    const signing = async (): Promise<string> => /^(\S+) .* signs$/m.exec(await withdraw())![1]!;
    const leaked = await signing();
    expect(await withdraw(leaked)).toContain('Withdrawn');
    // Every session has moved on since, most of them by several turns.
    for (const takenAt = performance.now(); performance.now() - takenAt < BACKUP_AGE;)
      await running.load.waitForProgress(SESSIONS);
    await server!.destroy();
    await backup.resume();
    server = backup;
    const restored = new Date();
    await running.load.waitForProgress();
    await running.load.waitForProgress(25 * SESSIONS);
    const revived = (await running.service.refresh(refreshToken)).status;
    await running.load.finish(running.advance);
    const healed = await countOf('fast-forward', running.service);
    console.log(
      `a restore from a base backup taken ${BACKUP_AGE / 1_000} s before: ${running.load.summary()}; ${healed} healed of lost commits; ` +
        `a session that was ended after the backup is ${revived === 200 ? 'alive again' : 'still ended'}`,
    );
    expectNoneLost(running.load);
    // Whoever was asleep when it was made had not moved on.
    expect(healed).toBeGreaterThanOrEqual(0.75 * SESSIONS);
    expect(revived).toBe(200);

    // As docs/incidents.md says: withdrawn again, ended again, and whoever has signed in since stays.
    expect(await signing()).toBe(leaked);
    expect(await withdraw(leaked)).toContain('Withdrawn');
    expect(await signing()).not.toBe(leaked);
    const since = await running.service.open();
    const end = `/sessions?all=true&before=${restored.toISOString()}`;
    expect((await running.service.api('DELETE', end)).status).toBe(200);
    const ended = [refreshToken, ...running.load.tokens];
    for (const token of ended) expect((await running.service.refresh(token)).status).toBe(401);
    expect((await running.service.refresh(since.refreshToken)).status).toBe(200);
  });
});
