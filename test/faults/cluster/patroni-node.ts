import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, ownerIds } from '../../support/postgres.ts';

/** Patroni's settings for the whole cluster, as docs/cluster.md recommends them. */
export const RECOMMENDED = {
  ttl: 20,
  loop_wait: 5,
  retry_timeout: 5,
  maximum_lag_on_failover: 1_048_576,
  synchronous_mode: true,
  failsafe_mode: true,
} as const;

/** A member as `GET /cluster` tells of it. */
export interface Member {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly timeline?: number;
  readonly lag?: number | string;
}

/** A node of a cluster: Patroni and its PostgreSQL, as two machines' would be, but both on this one. */
export class PatroniNode {
  private process: ChildProcess | undefined;

  private constructor(
    readonly name: string,
    /** PostgreSQL's. */
    readonly port: number,
    /** Patroni's own, for its REST API. */
    readonly restPort: number,
    private readonly directory: string,
  ) {}

  /** Writes its files into a folder of its own in `parent`; starts nothing. */
  static async create(name: string, parent: string, etcdPort: number): Promise<PatroniNode> {
    const [port, restPort] = [await freePort(), await freePort()];
    const directory = join(parent, name);
    mkdirSync(directory, { mode: 0o700 });
    const node = new PatroniNode(name, port, restPort, directory);
    // JSON is YAML.
    writeFileSync(node.configFile, JSON.stringify(configOf(name, port, restPort, directory, etcdPort)));
    const owner = ownerIds();
    if (owner) for (const path of [directory, node.configFile]) chownSync(path, owner.uid, owner.gid);
    return node;
  }

  /** Starts Patroni, which makes, repairs and starts the server by itself. */
  start(): void {
    const log = openSync(this.logFile, 'a');
    const env = { PATH: process.env['PATH'], HOME: this.directory, LC_ALL: 'C.UTF-8' };
    this.process = spawn('patroni', [this.configFile], {
      ...ownerIds(),
      cwd: this.directory,
      env,
      stdio: ['ignore', log, log],
    });
  }

  /** Its machine loses power. */
  kill(): void {
    this.signal('SIGKILL');
  }

  /** Its machine stands still, or goes on: connections stay open, and nothing is answered on them. */
  freeze(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.signal(signal);
  }

  /** Its link to the standby stalls: what it commits from now on is not received there. */
  async stallReplication(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url() });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pid FROM pg_stat_replication');
    await client.end();
    for (const { pid } of rows) send(pid, 'SIGSTOP');
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    const child = this.process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    this.signal('SIGKILL');
    await gone;
  }

  /** Asks Patroni's REST API. */
  ask(path: string, method = 'GET', body?: unknown): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.restPort}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
  }

  /** The cluster's members as it sees them; none while it does not answer. */
  async members(): Promise<readonly Member[]> {
    try {
      const { members } = (await (await this.ask('/cluster')).json()) as { members: readonly Member[] };
      return members;
    } catch {
      return [];
    }
  }

  /** Whether its server takes writes just now. */
  async takesWrites(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url(), connectionTimeoutMillis: 500 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ only: boolean }>('SELECT pg_is_in_recovery() AS only');
      return !rows[0]!.only;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The URL of one of its server's databases. */
  url(database = 'postgres'): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** The last that Patroni and its server said. */
  lastWords(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-25).join('\n');
  }

  private get configFile(): string {
    return join(this.directory, 'patroni.json');
  }

  private get logFile(): string {
    return join(this.directory, 'patroni.log');
  }

  private signal(signal: NodeJS.Signals): void {
    const first = [this.process!.pid!, ...this.postmaster()];
    const before = first.flatMap(childrenOf);
    // First those that would start others in place of the ones that are gone.
    for (const pid of first) send(pid, signal);
    for (const pid of new Set([...before, ...first.flatMap(childrenOf)])) send(pid, signal);
  }

  private postmaster(): number[] {
    try {
      return [Number(readFileSync(join(this.directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])];
    } catch {
      return [];
    }
  }
}

function configOf(
  name: string,
  port: number,
  restPort: number,
  directory: string,
  etcdPort: number,
): Record<string, unknown> {
  const trust = ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'];
  return {
    scope: 'ratchet',
    name,
    etcd3: { host: `127.0.0.1:${etcdPort}` },
    restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
    bootstrap: {
      dcs: { ...RECOMMENDED, postgresql: { use_pg_rewind: true } },
      initdb: [{ encoding: 'UTF8' }, 'data-checksums', 'no-sync', { locale: 'C' }],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: join(directory, 'data'),
      bin_dir: binaries(),
      pgpass: join(directory, 'pgpass'),
      authentication: { superuser: { username: 'postgres' }, replication: { username: 'postgres' } },
      parameters: { max_connections: 200, fsync: 'off', unix_socket_directories: directory },
      pg_hba: trust,
    },
    watchdog: { mode: 'off' },
  };
}

/** Where Debian puts the newest server that is installed. */
function binaries(): string {
  const root = '/usr/lib/postgresql';
  const newest = readdirSync(root).toSorted((a, b) => Number(b) - Number(a))[0]!;
  return join(root, newest, 'bin');
}

function childrenOf(pid: number): number[] {
  try {
    const listed = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    return listed.split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}
