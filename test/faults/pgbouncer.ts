import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, ownerIds } from '../support/postgres.ts';

/** Where `pgbouncer.sh` puts what it builds. */
const BUILT = join(tmpdir(), 'ratchet-pgbouncer');

/** A PgBouncer's program: one that keeps prepared statements, and one from before. Undefined where there is none. */
export const PROGRAMS = {
  new: found(process.env['PGBOUNCER_PATH'] ?? join(BUILT, 'new/pgbouncer'), (version) => version >= 121),
  old: found(process.env['PGBOUNCER_OLD_PATH'] ?? join(BUILT, 'old/pgbouncer'), (version) => version < 121),
};

/** A PgBouncer in transaction mode before a server of this machine, on a port of its own. */
export class PgBouncer {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** @param settings beside what every test's has, as they stand in pgbouncer.ini */
  static async start(program: string, server: number, settings: readonly string[] = []): Promise<PgBouncer> {
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-pgbouncer-'));
    chmodSync(folder, 0o755);
    const bouncer = new PgBouncer(program, folder, await freePort());
    writeFileSync(join(folder, 'users.txt'), '"postgres" ""\n');
    const lines = [
      '[databases]',
      `* = host=127.0.0.1 port=${server}`,
      '[pgbouncer]',
      'pool_mode = transaction',
      'listen_addr = 127.0.0.1',
      `listen_port = ${bouncer.port}`,
      'unix_socket_dir =',
      'auth_type = trust',
      `auth_file = ${join(folder, 'users.txt')}`,
      'admin_users = postgres',
      'max_client_conn = 1000',
      ...settings,
    ];
    writeFileSync(join(folder, 'pgbouncer.ini'), lines.join('\n'));
    await bouncer.resume();
    return bouncer;
  }

  /** Starts it (again) on the same port, and waits until it listens. */
  async resume(): Promise<void> {
    const child = spawn(this.program, ['-q', join(this.folder, 'pgbouncer.ini')], {
      ...ownerIds(),
      stdio: 'ignore',
    });
    this.process = child;
    for (let tried = 0; tried < 600; tried++) {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
      const listens = await this.administer('SHOW VERSION').then(
        () => true,
        () => false,
      );
      if (listens) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('pgbouncer did not listen');
  }

  /** Ends it: `SIGINT` when no transaction is open, `SIGQUIT` at once. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGQUIT'): Promise<void> {
    const child = this.process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Has it take new connections to the server, as after a change of the schema. */
  async reconnect(): Promise<void> {
    await this.administer('RECONNECT');
  }

  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** The URL of a database of the server, through it. */
  url(database: string, parameters = '?pgbouncer=true'): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}${parameters}`;
  }

  private async administer(command: string): Promise<void> {
    const admin = new pg.Client({ connectionString: this.url('pgbouncer', '') });
    admin.on('error', () => undefined);
    await admin.connect();
    await admin.query(command);
    await admin.end();
  }
}

/** @param suits is told 124 of version 1.24 */
function found(program: string, suits: (version: number) => boolean): string | undefined {
  if (!existsSync(program)) return undefined;
  const [, major, minor] =
    /PgBouncer (\d+)\.(\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' })) ?? [];
  return suits(Number(major) * 100 + Number(minor)) ? program : undefined;
}
