import { fork, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Count, Load, Order } from './load/generator.ts';

const TICKS_A_SECOND = 100;

/** A server under load, in a process of its own. */
export interface Server {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
}

/** Starts a Node program that says where it listens; its log is read and thrown away, as a log shipper would. */
export async function startServer(
  name: string,
  script: string,
  env: Record<string, string>,
  node = process.execPath,
  flags: readonly string[] = [],
): Promise<Server> {
  const child = spawn(node, [...flags, script], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const port = await new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      if (output.length > 100_000) return;
      output += chunk.toString();
      const found = /listening at http:\/\/[^:]+:(\d+)/i.exec(output)?.[1];
      if (found) resolve(Number(found));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${output}`)));
  });
  return { name, port, process: child };
}

/** Ends a process and waits until it is gone. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** The CPU time of a process and of its children so far, ended ones included, in seconds. */
export function cpuOf(pid: number): number {
  const ticks = [pid, ...childrenOf(pid)].map((each) => {
    const fields = statOf(each);
    // utime, stime; of children that were waited for: cutime, cstime (proc_pid_stat(5)).
    return fields.slice(11, each === pid ? 15 : 13).reduce((sum, field) => sum + Number(field), 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
}

/** The resident memory of a process and of its children, in MB. */
export function memoryOf(pid: number): number {
  const kilobytes = [pid, ...childrenOf(pid)].map((each) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1]),
  );
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => Number(statOf(pid)[1]) === parent);
}

/** The fields of /proc/<pid>/stat after the name, which may hold blanks itself; empty if the process is gone. */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** The load generator, in a process of its own. */
export class Generator {
  private constructor(private readonly child: ChildProcess) {}

  /** Starts it with a load, ready to run. */
  static async prepare(load: Load): Promise<Generator> {
    const generator = new Generator(fork(join(import.meta.dirname, 'load', 'generator.js')));
    await generator.ask({ prepare: load });
    return generator;
  }

  run(): void {
    this.child.send({ run: true } satisfies Order);
  }

  /** From now on, so many requests arrive a second. */
  rate(rate: number): void {
    this.child.send({ rate } satisfies Order);
  }

  /** What was answered since this was last asked. */
  async count(): Promise<Count> {
    return (await this.ask({ count: true })) as Count;
  }

  /** Waits until so many answers have come since the last count. */
  async reach(answers: number): Promise<void> {
    await this.ask({ reach: answers });
  }

  /** Lets each loop take its last answer, and ends. @throws Error if a loop was answered otherwise than it should */
  async stop(): Promise<void> {
    try {
      await this.ask({ stop: true });
    } finally {
      await stopProcess(this.child);
    }
  }

  private ask(order: Order): Promise<unknown> {
    const [name] = Object.keys(order) as [string];
    return new Promise((resolve, reject) => {
      const listen = (said: Record<string, unknown>): void => {
        if ('failed' in said) done(() => reject(new Error(said['failed'] as string)));
        else if (name in said) done(() => resolve(said[name]));
      };
      const ended = (code: number | null): void =>
        done(() => reject(new Error(`the load generator ended with ${code}`)));
      const done = (settle: () => void): void => {
        this.child.off('message', listen).off('exit', ended);
        settle();
      };
      this.child.on('message', listen).on('exit', ended);
      this.child.send(order);
    });
  }
}
