import { setTimeout as pause } from 'node:timers/promises';
import { makeTemplate } from '../../support/database.ts';
import { Drill, SESSIONS, takesWritesFor } from './drill.ts';
import { canRunClusters, PatroniCluster } from './patroni-cluster.ts';
import { RECOMMENDED } from './patroni-node.ts';

const describeHere = canRunClusters() ? describe : describe.skip;

describeHere('two nodes under Patroni', () => {
  let cluster: PatroniCluster;
  let drill: Drill | undefined;
  let proxied: string;

  beforeAll(async () => {
    cluster = await PatroniCluster.start();
    proxied = `127.0.0.1:${await cluster.startProxy()}`;
    await makeTemplate((await cluster.isWhole()).leader.url());
  });

  afterEach(async () => {
    await drill?.stop();
    drill = undefined;
  });

  afterAll(() => cluster.destroy());

  describe.each([
    ['on', 'DATABASE_URL'],
    ['off', 'DATABASE_URL'],
    ['off', 'HAProxy'],
  ] as const)('with synchronous_mode %s, found by %s:', (mode, by) => {
    const what = `synchronous_mode ${mode}, ${by}`;

    beforeAll(() => cluster.configure({ synchronous_mode: mode === 'on', failsafe_mode: true }));

    beforeEach(async () => {
      drill = await Drill.start(cluster, by === 'HAProxy' ? proxied : cluster.hosts);
    });

    test('a switchover logs nobody out', async () => {
      const { leader, standby } = await cluster.isWhole();
      await cluster.switchOver(leader, standby);
      await drill!.load.waitForProgress();
      const { alive, healed } = await report(`switchover, ${what}`);
      expect([alive, healed]).toEqual([0, 0]);
    });

    test('the link between them stalls, the primary loses power, and every session goes on', async () => {
      const { leader, standby } = await cluster.isWhole();
      const { load } = drill!;
      await leader.stallReplication();
      // With it on, what was not received is not answered; with it off it is, and lost: each session turns once more.
      if (mode === 'on') await load.waitForOutage(SESSIONS);
      else await load.waitForProgress(25 * SESSIONS);
      leader.kill();
      await cluster.isLedBy(standby);
      await load.waitForProgress();
      leader.start();
      const { alive, healed } = await report(`primary killed, ${what}`);
      expect([alive > 0, healed > 0]).toEqual(mode === 'on' ? [false, false] : [true, true]);
    });

    test('the primary stands still, the other is promoted, and the first gives nothing out when it goes on', async () => {
      const { leader, standby } = await cluster.isWhole();
      leader.freeze('SIGSTOP');
      await cluster.isLedBy(standby);
      const before = drill!.ended.length;
      await drill!.load.waitForProgress();
      await drill!.waitForEnds(20);
      const healed = await drill!.healed();
      leader.freeze('SIGCONT');
      const [answers, window] = await Promise.all([
        drill!.presentUntil(cluster.isWhole(), drill!.ended.slice(before)),
        takesWritesFor(leader),
      ]);
      expect(await drill!.healed()).toBe(healed);
      const tried = `ended tokens presented meanwhile: ${JSON.stringify(answers)}`;
      const { alive } = await report(
        `primary frozen, took writes for ${Math.round(window)} ms when it went on (${tried}), ${what}`,
      );
      if (mode === 'on') expect(alive).toBe(0);
      expect(answers).not.toHaveProperty('200');
      expect(answers[401]).toBeGreaterThan(100);
    });
  });

  describe.each([false, true])('with failsafe_mode %s,', (failsafe) => {
    beforeAll(() => cluster.configure({ synchronous_mode: true, failsafe_mode: failsafe }));

    beforeEach(async () => {
      drill = await Drill.start(cluster, cluster.hosts);
    });

    test('etcd goes away for longer than ttl and comes back, and nobody is logged out', async () => {
      const { leader } = await cluster.isWhole();
      await cluster.stopEtcd();
      if (!failsafe) await cluster.hasNoPrimary();
      await pause(1_000 * RECOMMENDED.ttl);
      cluster.startEtcd();
      const after = await cluster.isWhole();
      await drill!.load.waitForProgress();
      const { alive } = await report(`etcd away, failsafe_mode ${failsafe}`);
      expect(alive).toBe(0);
      if (failsafe) expect(after.leader.name).toBe(leader.name);
    });
  });

  /** Lets everybody come back, says what came of it, and that nobody was logged out. */
  async function report(what: string): Promise<{ alive: number; healed: number }> {
    const alive = await drill!.finish();
    const healed = await drill!.healed();
    const { load, ended } = drill!;
    console.log(
      `${what}: ${load.summary()}; ${healed} healed; ${ended.length} ended, ${alive} of them alive again`,
    );
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
    return { alive, healed };
  }
});
