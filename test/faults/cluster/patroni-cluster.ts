import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../support/postgres.ts';
import { PatroniNode } from './patroni-node.ts';

/** How long the cluster may take to be whole again, in milliseconds. */
const WHOLE_WITHIN = 120_000;

/** Whether Patroni, etcd and HAProxy are here; if not, says how to get them. */
export function canRunClusters(): boolean {
  try {
    for (const program of ['patroni', 'etcd', 'haproxy']) execFileSync('which', [program]);
    return true;
  } catch {
    console.warn('NOT TESTED: a real cluster; test/faults/cluster/install.sh installs what it needs');
    return false;
  }
}

/** Two nodes under Patroni, with an etcd of one member. */
export class PatroniCluster {
  private etcd: ChildProcess | undefined;
  private proxy: ChildProcess | undefined;
  private synchronous = true;

  private constructor(
    private readonly directory: string,
    private readonly etcdPorts: readonly [number, number],
    readonly nodes: readonly [PatroniNode, PatroniNode],
  ) {}

  /** Starts a cluster with the settings that docs/cluster.md recommends, and waits until it is whole. */
  static async start(): Promise<PatroniCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'ratchet-cluster-'));
    chmodSync(directory, 0o755);
    const etcdPorts = [await freePort(), await freePort()] as const;
    const one = await PatroniNode.create('one', directory, etcdPorts[0]);
    const two = await PatroniNode.create('two', directory, etcdPorts[0]);
    const cluster = new PatroniCluster(directory, etcdPorts, [one, two]);
    cluster.startEtcd();
    for (const node of cluster.nodes) node.start();
    await cluster.isWhole();
    return cluster;
  }

  /** Both servers, as `DATABASE_URL` names them. */
  get hosts(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** Starts etcd (again). */
  startEtcd(): void {
    const [client, peer] = this.etcdPorts.map((port) => `http://127.0.0.1:${port}`) as [string, string];
    const settings = {
      'data-dir': join(this.directory, 'etcd'),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
    };
    const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    this.etcd = spawn('etcd', flags, { stdio: 'ignore' });
  }

  /** Takes etcd away. */
  stopEtcd(): Promise<void> {
    return ended(this.etcd);
  }

  /** Changes settings of the cluster, and waits until it is whole under them. */
  async configure(settings: { synchronous_mode: boolean; failsafe_mode?: boolean }): Promise<void> {
    const { leader } = await this.isWhole();
    await leader.ask('/config', 'PATCH', settings);
    this.synchronous = settings.synchronous_mode;
    await this.isWhole();
  }

  /** Waits until one node leads and the other follows it, synchronously if that is asked for. */
  async isWhole(): Promise<{ leader: PatroniNode; standby: PatroniNode }> {
    const follows = this.synchronous ? ['sync_standby'] : ['replica'];
    return this.until('is whole', async () => {
      const seen = await Promise.all(this.nodes.map((node) => node.members()));
      const leader = leaderOf(seen[0]!);
      const agreed = seen.every(
        (members) =>
          leader === leaderOf(members) &&
          members.some(({ role, state, lag, timeline }) => {
            const current = timeline === members.find(({ role: other }) => other === 'leader')?.timeline;
            return follows.includes(role) && ['running', 'streaming'].includes(state) && lag === 0 && current;
          }),
      );
      return agreed && leader ? this.roles(leader) : undefined;
    });
  }

  /** Waits until `node` leads. */
  async isLedBy(node: PatroniNode): Promise<void> {
    await this.until(`is led by ${node.name}`, async () =>
      leaderOf(await node.members()) === node.name ? true : undefined,
    );
  }

  /** Waits until no server takes writes. */
  async hasNoPrimary(): Promise<void> {
    await this.until('has no primary', async () => {
      const writable = await Promise.all(this.nodes.map((node) => node.takesWrites()));
      return writable.includes(true) ? undefined : true;
    });
  }

  /** Has the other node lead, as an operator would before maintenance. */
  async switchOver(from: PatroniNode, to: PatroniNode): Promise<void> {
    const response = await from.ask('/switchover', 'POST', { leader: from.name, candidate: to.name });
    if (response.status !== 200) throw new Error(`switchover: ${await response.text()}`);
  }

  /** Starts HAProxy before the two, with what docs/cluster.md recommends; gives its port. */
  async startProxy(): Promise<number> {
    const port = await freePort();
    const file = join(this.directory, 'haproxy.cfg');
    const servers = this.nodes.map(
      (node) => `  server ${node.name} 127.0.0.1:${node.port} check port ${node.restPort}`,
    );
    const lines = [
      'defaults',
      '  mode tcp',
      '  timeout connect 1s',
      '  timeout client 30m',
      '  timeout server 30m',
      '  timeout check 1s',
      'listen ratchet',
      `  bind 127.0.0.1:${port}`,
      '  option httpchk OPTIONS /primary',
      '  http-check expect status 200',
      '  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions',
      ...servers,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    this.proxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    return port;
  }

  /** Ends everything and deletes its files. */
  async destroy(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all([ended(this.proxy), ended(this.etcd)]);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  private roles(leader: string): { leader: PatroniNode; standby: PatroniNode } {
    const [one, two] = this.nodes;
    return one.name === leader ? { leader: one, standby: two } : { leader: two, standby: one };
  }

  private async until<T>(what: string, holds: () => Promise<T | undefined>): Promise<T> {
    for (const since = performance.now(); performance.now() - since < WHOLE_WITHIN;) {
      const result = await holds();
      if (result !== undefined) return result;
      await pause(200);
    }
    const said = this.nodes.map((node) => `${node.name}:\n${node.lastWords()}`).join('\n');
    throw new Error(`not true in time that the cluster ${what}\n${said}`);
  }
}

function leaderOf(members: readonly { name: string; role: string; state: string }[]): string | undefined {
  return members.find(({ role, state }) => role === 'leader' && state === 'running')?.name;
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
