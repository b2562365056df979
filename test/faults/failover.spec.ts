import { makeTemplate, TestDatabase } from '../support/database.ts';
import { freePort, PostgresServer } from '../support/postgres.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { advanceClock, countOf, Load, openSessions } from './load.ts';

const SESSIONS = 200;

describe('a primary with a streaming standby', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  const services: TestService[] = [];

  beforeAll(async () => {
    primary = await PostgresServer.start(['fsync=off', 'wal_level=replica']);
    await makeTemplate(primary.url());
  });

  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await standby.destroy();
    await primary.destroy();
  });

  test('dies, the standby takes over, and every session goes on at the other of the two hosts', async () => {
    const database = await TestDatabase.create(primary.url());
    standby = await primary.backUp(await freePort(), [
      `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres`,
    ]);
    standby.becomeStandby();
    await standby.resume();

    const here = `127.0.0.1:${primary.port}`;
    const both = database.url.replace(here, `${here},127.0.0.1:${standby.port}`);
    const settings = { DATABASE_URL: both, ROTATION_GRACE: '5s' };
    services.push(await spawnService(settings), await spawnService(settings));
    const tokens = await openSessions(services[0]!, SESSIONS);
    const load = Load.start(() => services.map(({ url }) => url), tokens);
    await load.waitForProgress(5 * SESSIONS);
    await load.sleep((milliseconds) => database.advance(milliseconds));
    await load.waitForProgress(SESSIONS);
    await primary.stop('SIGKILL');
    await standby.promote();
    await load.waitForProgress();
    // Once more, when every window from before has passed.
    await load.waitForProgress(25 * SESSIONS);
    const healed = await Promise.all(services.map((service) => countOf('fast-forward', service)));
    await load.finish((milliseconds) =>
      advanceClock(database.url.replace(here, `127.0.0.1:${standby.port}`), milliseconds),
    );
    console.log(
      `failover to the standby: ${load.summary()}; ${healed[0]! + healed[1]!} sessions healed of lost commits`,
    );
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
  });
});
