import { setTimeout as pause } from 'node:timers/promises';
import { TestDatabase } from '../support/database.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { countOf, Load, openSessions } from './load.ts';

/** Several thousand take a machine's memory and some minutes: FAULTS_LOOPS=4000. */
const LOOPS = Number(process.env['FAULTS_LOOPS'] ?? 1_000);
/** How long they ask, in milliseconds: until each was to be turned twice. */
const OVERLOAD = 20_000;
/** Within which all come again when it is over, in milliseconds. */
const CALM = 5_000;
const DAY = 86_400_000;

describe('more clients than the service can answer', () => {
  let database: TestDatabase;
  let service: TestService;
  let load: Load | undefined;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await spawnService({ DATABASE_URL: database.url, BATCH_SIZE: '1000' });
  });

  afterAll(async () => {
    await load?.stop();
    await service.stop();
    await database.drop();
  });

  test(`${LOOPS} of them ask without a pause, and none is logged out, then or after`, async () => {
    const tokens = await openSessions(service, LOOPS);
    load = Load.start(() => [service.url], tokens, { pause: 0, sockets: LOOPS, sleepers: 0 });
    await pause(OVERLOAD);
    const during = await load.stop();
    const summary = load.summary();
    // Then it is over, and they come again one after the other, with what they have stored: the next day, say.
    await database.advance(DAY);
    load = Load.start(() => [service.url], load.tokens, { pause: CALM, losses: 0 });
    await load.waitForProgress();
    const after = await load.stop();
    const recovered = await countOf('recover', service);
    console.log(
      `${LOOPS} closed loops for ${OVERLOAD / 1_000} s, ${((during.refreshes * 1_000) / OVERLOAD).toFixed(0)} refreshes a second: ` +
        `${summary}; ${after.refreshes} refreshes after it, ${recovered} recovered, ${after.lost.length} lost`,
    );
    expect([...during.lost, ...after.lost]).toEqual([]);
    expect([...during.surprises, ...after.surprises]).toEqual([]);
    expect(during.refreshes).toBeGreaterThan(0);
    expect(after.refreshes).toBeGreaterThanOrEqual(LOOPS);
  });
});
