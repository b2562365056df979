import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchEnvironment } from './environment.ts';
import { table } from './table.ts';

/** The tables that an import fills. */
const TABLES = ['sessions', 'legacy_tokens'];
const AT_A_TIME = 10_000;

/**
 * `npm run import` of so many sessions, as an operator runs it: how fast, beside PostgreSQL's COPY of the very rows into tables
 * with the same indexes; how much memory, beside a tenth of the file; and killed half-way and run again.
 */
export async function importing(
  environment: BenchEnvironment,
  sessions: number,
  say: (line: string) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-import-'));
  // PostgreSQL, which runs as somebody else, writes there, too.
  await chmod(folder, 0o777);
  try {
    const [whole, tenth] = [join(folder, 'whole.ndjson'), join(folder, 'tenth.ndjson')];
    say(`writing ${sessions.toLocaleString('en')} lines`);
    await writeLines(whole, sessions);
    await writeLines(tenth, Math.ceil(sessions / 10));

    const small = await timed(environment, tenth);
    await empty(environment);
    say('importing them');
    const large = await timed(environment, whole);
    await expectAll(environment, sessions);
    say('copying the same rows');
    const copied = await copy(environment, folder);

    await empty(environment);
    say('importing them again, killed half-way');
    await killedHalfWay(environment, whole, sessions);
    const [left] = await environment.query<{ count: string }>('SELECT count(*) FROM sessions');
    const resumed = await timed(environment, whole);
    await expectAll(environment, sessions);

    const row = (name: string, seconds: number, memory: string, many = sessions): string[] => [
      ...[name, many.toLocaleString('en'), seconds.toFixed(1)],
      ...[Math.round(many / seconds).toLocaleString('en'), memory],
    ];
    const rows = [
      row('import', large.seconds, large.memory.toFixed(0)),
      row('a tenth of it', small.seconds, small.memory.toFixed(0), Math.ceil(sessions / 10)),
      row('COPY of the same rows', copied, ''),
      row(
        `again, with ${Number(left!.count).toLocaleString('en')} there`,
        resumed.seconds,
        resumed.memory.toFixed(0),
      ),
    ];
    process.stdout.write(
      `\n${table(['', 'sessions', 's', 'a second', 'RSS at most, MB'], rows)}\n\n` +
        `Of COPY: ${(copied / large.seconds).toFixed(2)}. Memory, of a tenth's: ${(large.memory / small.memory).toFixed(2)}.\n`,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeLines(file: string, sessions: number): Promise<void> {
  const handle = await open(file, 'w');
  for (let from = 0; from < sessions; from += AT_A_TIME) {
    const numbers = Array.from({ length: Math.min(AT_A_TIME, sessions - from) }, (_, at) => from + at);
    await handle.write(numbers.map(line).join(''));
  }
  await handle.close();
}

function line(number: number): string {
  const session = {
    lookup: { sha256: createHash('sha256').update(`token ${number}`).digest('hex') },
    subject: `user-${Math.floor(number / 3)}`,
    ...{ clientId: 'web', scope: 'read write', device: 'Firefox on Linux', claims: { role: 'user' } },
    ...{ createdAt: '2026-11-01T00:00:00Z', expiresAt: new Date(Date.now() + 90 * 86_400_000) },
  };
  return `${JSON.stringify(session)}\n`;
}

function start(environment: BenchEnvironment, file: string): ChildProcess {
  return spawn(environment.node.path, ['dist/import.js', file], {
    env: { ...environment.settings, DATABASE_URL: environment.databaseUrl },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Imports a file. How long it took, in seconds, and how much memory at most, in MB. */
async function timed(
  environment: BenchEnvironment,
  file: string,
): Promise<{ seconds: number; memory: number }> {
  const since = performance.now();
  const child = start(environment, file);
  let memory = 0;
  const watch = setInterval(() => (memory = Math.max(memory, peakOf(child.pid!))), 100);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(watch);
  if (code !== 0) throw new Error(`the import ended with ${code}`);
  return { seconds: (performance.now() - since) / 1_000, memory };
}

/** The most resident memory that a process has had, in MB; 0 if it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function killedHalfWay(environment: BenchEnvironment, file: string, sessions: number): Promise<void> {
  const child = start(environment, file);
  const gone = once(child, 'exit');
  for (;;) {
    const [there] = await environment.query<{ count: string }>('SELECT count(*) FROM sessions');
    if (Number(there!.count) >= sessions / 2) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill('SIGKILL');
  await gone;
}

/** Copies the rows into tables of their own with the same indexes, as COPY does from a file. In seconds. */
async function copy(environment: BenchEnvironment, folder: string): Promise<number> {
  let seconds = 0;
  for (const name of TABLES) {
    const file = join(folder, name);
    await environment.query(`COPY ${name} TO '${file}'`);
    await environment.query(`CREATE TABLE copied (LIKE ${name} INCLUDING ALL)`);
    const since = performance.now();
    await environment.query(`COPY copied FROM '${file}'`);
    seconds += (performance.now() - since) / 1_000;
    await environment.query('DROP TABLE copied');
  }
  return seconds;
}

async function empty(environment: BenchEnvironment): Promise<void> {
  await environment.query(`TRUNCATE ${TABLES.join(', ')}`);
  await environment.query('CHECKPOINT');
}

async function expectAll(environment: BenchEnvironment, sessions: number): Promise<void> {
  for (const name of TABLES) {
    const [there] = await environment.query<{ count: string }>(`SELECT count(*) FROM ${name}`);
    if (Number(there!.count) !== sessions)
      throw new Error(`${there!.count} ${name} in place of ${sessions.toLocaleString('en')}`);
  }
}
