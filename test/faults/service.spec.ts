import { once } from 'node:events';
import { freePort } from '../support/postgres.ts';
import { TestDatabase } from '../support/database.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { countOf, Load, openSessions } from './load.ts';

const SESSIONS = 200;
/** How often it stays away for longer than the grace window. */
const OUTAGES = 6;
const KILLS = 20;
/** Longer than any restart takes: an answer that was lost in it must still be given again. */
const GRACE = 30_000;
const SETTINGS = { ROTATION_GRACE: `${GRACE / 1_000}s` };

describe('sessions that refresh all the time', () => {
  let database: TestDatabase;
  let load: Load | undefined;
  const running = new Set<TestService>();

  beforeEach(async () => {
    database = await TestDatabase.create();
  });

  afterEach(async () => {
    await load?.stop();
    load = undefined;
    for (const service of running) service.process!.kill('SIGKILL');
    running.clear();
    await database.drop();
  });

  async function spawn(settings: Record<string, string> = {}): Promise<TestService> {
    const service = await spawnService({ DATABASE_URL: database.url, ...SETTINGS, ...settings });
    running.add(service);
    return service;
  }

  async function end(service: TestService, signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown[]> {
    const exit = once(service.process!, 'exit');
    service.process!.kill(signal);
    running.delete(service);
    return exit;
  }

  const advance = (milliseconds: number): Promise<void> => database.advance(milliseconds);

  function expectNoneLost(): void {
    expect(load!.tally.lost).toEqual([]);
    expect(load!.tally.surprises).toEqual([]);
  }

  test(`all live on when the service is killed ${KILLS} times`, async () => {
    const PORT = String(await freePort());
    let service = await spawn({ PORT });
    load = Load.start(() => [service.url], await openSessions(service, SESSIONS));
    let [retried, recovered] = [0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      await load.waitForProgress();
      // All are to be turned now, and some are, another number each time.
      await load.sleep(advance);
      await load.waitForProgress(1 + 7 * kill);
      retried += await countOf('retry', service);
      recovered += await countOf('recover', service);
      await end(service, 'SIGKILL');
      service = await spawn({ PORT });
    }
    await load.finish(advance);
    retried += await countOf('retry', service);
    recovered += await countOf('recover', service);
    console.log(
      `${KILLS} SIGKILLs of the service: ${load.summary()}; ` +
        `${retried} lost answers given again, ${recovered} recovered`,
    );
    expectNoneLost();
    expect(recovered).toBeGreaterThan(0);
    expect(load.tally.rotations).toBeGreaterThan((KILLS / 2) * SESSIONS);
    expect(load.tally.answers.get('ECONNREFUSED')).toBeGreaterThan(0);
  });

  test(`all live on when the service is killed ${OUTAGES} times and stays away for up to a day`, async () => {
    const settings = { PORT: String(await freePort()), ROTATION_GRACE: '10s' };
    let service = await spawn(settings);
    load = Load.start(() => [service.url], await openSessions(service, SESSIONS));
    let recovered = 0;
    for (let outage = 0; outage < OUTAGES; outage++) {
      await load.sleep(advance);
      await load.waitForProgress(SESSIONS / 10 + 7 * outage);
      await end(service, 'SIGKILL');
      await database.advance(11_000 * 6 ** outage);
      service = await spawn(settings);
      await load.waitForProgress();
      recovered += await countOf('recover', service);
    }
    await load.finish(advance);
    console.log(
      `${OUTAGES} outages of the service, of 11 s to a day: ${load.summary()}; ` +
        `${recovered} answers that an outage had swallowed recovered after it`,
    );
    expectNoneLost();
    expect(recovered).toBeGreaterThan(0);
  });

  test('a service that is told to end says first that it is not ready, answers all it has, and ends with 0', async () => {
    const production = { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(await freePort()) };
    const service = await spawn(production);
    const tokens = await openSessions(service, SESSIONS);
    // Once it is not ready nobody is sent to it any more, as a load balancer would have it.
    let balanced = [service.url];
    load = Load.start(() => balanced, tokens, { pause: 50 });
    await load.waitForProgress();
    await database.advance(GRACE + 1_000);
    const told = performance.now();
    const ended = end(service, 'SIGTERM');
    let ready = 200;
    while (ready === 200) ready = (await fetch(`${service.url}/health/ready`)).status;
    const unready = performance.now() - told;
    const before = load.tally.refreshes;
    await load.waitForProgress(1);
    expect(ready).toBe(503);
    // Whoever has not heard yet is served all the same.
    expect(load.tally.refreshes).toBeGreaterThan(before);
    balanced = [];
    expect(await ended).toEqual([0, null]);
    const took = performance.now() - told;
    expect(took).toBeLessThan(10_000);
    await load.stop();
    console.log(
      `SIGTERM under load: not ready after ${unready.toFixed(0)} ms, ended with 0 after ${(took / 1_000).toFixed(1)} s: ${load.summary()}`,
    );
    expectNoneLost();
    expect([...load.tally.answers.keys()]).toEqual(['200']);
  });

  test('all live on, and none waits, while two replicas are replaced one after the other', async () => {
    const replicas = [await spawn(), await spawn()];
    const tokens = await openSessions(replicas[0]!, SESSIONS);
    let balanced = replicas.map(({ url }) => url);
    load = Load.start(() => balanced, tokens);
    await load.waitForProgress();
    for (const old of replicas) {
      const replacement = await spawn();
      await database.advance(GRACE + 1_000);
      await load.waitForProgress(1);
      balanced = [...balanced.filter((url) => url !== old.url), replacement.url];
      expect(await end(old, 'SIGTERM')).toEqual([0, null]);
      await load.waitForProgress();
    }
    await load.finish(advance);
    console.log(`two replicas replaced one by one: ${load.summary()}`);
    expectNoneLost();
    expect(load.tally.answers.get('503')).toBeUndefined();
  });

  test('all live on when one of two replicas is killed and does not come back', async () => {
    const [one, other] = [await spawn(), await spawn()];
    load = Load.start(() => [one.url, other.url], await openSessions(one, SESSIONS));
    await load.waitForProgress();
    await database.advance(GRACE + 1_000);
    await load.waitForProgress(SESSIONS / 2);
    await end(one, 'SIGKILL');
    await load.waitForProgress();
    const retried = await countOf('retry', other);
    await load.finish(advance);
    console.log(`one of two replicas killed: ${load.summary()}; ${retried} lost answers given again`);
    expectNoneLost();
  });
});
