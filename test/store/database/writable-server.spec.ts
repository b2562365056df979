import pg from 'pg';
import { Unavailable } from '../../../src/core/unavailable.ts';
import { Database } from '../../../src/store/database/database.ts';
import { freePort, PostgresServer } from '../../support/postgres.ts';

describe('a standby is promoted while its primary', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let store: Database | undefined;

  beforeEach(async () => {
    primary = await PostgresServer.start(['fsync=off', 'wal_level=replica']);
    standby = await primary.backUp(await freePort(), [
      `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres`,
    ]);
    standby.becomeStandby();
    await standby.resume();
  });

  afterEach(async () => {
    await store?.close();
    store = undefined;
    await standby.destroy();
    await primary.destroy();
  });

  test('still takes writes: whoever connects is with the promoted one, in whatever order they are named', async () => {
    await standby.promote();
    for (let round = 0; round < 10; round++) {
      const named = [primary.port, standby.port];
      store = await open(round % 2 ? named : named.toReversed());
      expect(await askedPort(store)).toBe(standby.port);
      await store.close();
    }
  });

  test('has no connection of ours: the next one is to the promoted one', async () => {
    await administer('CREATE ROLE ratchet LOGIN');
    store = await open([primary.port, standby.port], 'ratchet');
    const pid = await backendOf(store);
    await standby.promote();
    await administer(`SELECT pg_terminate_backend(${pid}, 10000)`);
    expect(await askedPort(store)).toBe(standby.port);
  });

  test('is frozen: once the promoted one has been seen, nothing from before is answered when it thaws', async () => {
    const one = (store = await open([primary.port, standby.port]));
    const atOnce = (connections: number): Promise<number>[] =>
      Array.from({ length: connections }, () => askedPort(one, 0.1));
    await Promise.all(atOnce(3));
    await primary.freeze('SIGSTOP');
    await standby.promote();
    const asked = atOnce(10);
    expect(await Promise.any(asked)).toBe(standby.port);
    await primary.freeze('SIGCONT');
    const answers = await Promise.allSettled(asked);
    expect(
      answers.filter(({ status }) => status === 'fulfilled').map((each) => 'value' in each && each.value),
    ).toEqual(Array.from({ length: 7 }, () => standby.port));
  });

  test('dies, and our role may not ask for its timeline: whoever takes writes is taken at its word', async () => {
    await administer('CREATE ROLE ratchet LOGIN', 'REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC');
    store = await open([primary.port, standby.port], 'ratchet');
    expect(await askedPort(store)).toBe(primary.port);
    await primary.stop('SIGINT');
    await standby.promote();
    expect(await askedPort(store)).toBe(standby.port);
  });

  test('crashes when it has hardly accepted a connection: whoever waits for it is told, and our process lives', async () => {
    // The service's connections, other than those that only ask around, are kept waiting for the answer.
    await administer(
      'CREATE SCHEMA slow',
      `CREATE FUNCTION slow.pg_control_system(OUT system_identifier bigint) LANGUAGE sql AS
        $$ SELECT 1 FROM pg_sleep(CASE current_setting('application_name') WHEN 'ratchet' THEN 60 ELSE 0 END) $$`,
      'ALTER ROLE postgres SET search_path = slow, pg_catalog',
    );
    store = await open([primary.port, standby.port]);
    const asked = askedPort(store);
    const outcome = expect(asked).rejects.toThrow(Unavailable);
    await administer(
      `DO $$ BEGIN WHILE NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE application_name = 'ratchet' AND wait_event = 'PgSleep'
      ) LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$`,
    );
    await primary.stop('SIGQUIT');
    await outcome;
    await primary.resume();
    await administer('DROP SCHEMA slow CASCADE');
    expect(await askedPort(store)).toBe(primary.port);
  });

  test('said that it takes writes, and no longer does when the connection is there: that is an outage', async () => {
    await administer(
      'CREATE SCHEMA sly',
      `CREATE FUNCTION sly.current_setting(text) RETURNS text LANGUAGE sql AS
        $$ SELECT CASE pg_catalog.current_setting('application_name') WHEN 'ratchet' THEN 'on' ELSE 'off' END $$`,
      'ALTER ROLE postgres SET search_path = sly, pg_catalog',
    );
    store = await open([primary.port, standby.port]);
    await expect(askedPort(store)).rejects.toThrow(Unavailable);
  });

  async function administer(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: primary.url() });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  function open(ports: readonly number[], role = 'postgres'): Promise<Database> {
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
    return Database.open({ kind: 'postgresql', url: `postgresql://${role}@${hosts}/postgres` });
  }

  /** Which server answers, after so many seconds. */
  async function askedPort(of: Database, after = 0): Promise<number> {
    const [row] = await of.run(
      (prisma) => prisma.$queryRaw<{ port: number }[]>`
        SELECT inet_server_port() AS port FROM (SELECT pg_sleep(${after})) AS slept`,
    );
    return row!.port;
  }

  async function backendOf(of: Database): Promise<number> {
    const [row] = await of.run(
      (prisma) => prisma.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`,
    );
    return row!.pid;
  }
});
