import { setTimeout as pause } from 'node:timers/promises';
import type { Load } from './load/generator.ts';
import { Generator, cpuOf, memoryOf, type Server } from './processes.ts';

/** What was seen of servers under a load. */
export interface Figures {
  readonly name: string;
  readonly scenario: string;
  readonly sessions: number;
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU time for each answer. */
  readonly serverCpu: number;
  readonly databaseCpu: number;
  /** MB, of all servers together, at the end. */
  readonly memory: number;
}

/** How long a load runs. */
export interface Span {
  /** Seconds before counting starts: code that runs for the first time is slower by half. */
  readonly warmUp: number;
  /** Seconds that count, or how many answers, or until something is done. */
  readonly count: { readonly seconds: number } | { readonly answers: number } | Promise<unknown>;
}

/** Loads servers, which share a database whose postmaster has `databasePid`, and says what was seen. */
export async function measure(
  name: string,
  servers: readonly Server[],
  load: Omit<Load, 'ports'>,
  { warmUp, count: target }: Span,
  databasePid?: number,
): Promise<Figures> {
  const generator = await Generator.prepare({ ...load, ports: servers.map(({ port }) => port) });
  const now = (): { at: number; server: number; database: number } => ({
    at: performance.now(),
    server: sum(servers.map((server) => cpuOf(server.process.pid!))),
    database: databasePid === undefined ? 0 : cpuOf(databasePid),
  });
  try {
    generator.run();
    await pause(warmUp * 1000);
    await generator.count();
    const before = now();
    if (target instanceof Promise) await target;
    else if ('seconds' in target) await pause(target.seconds * 1000);
    else await generator.reach(target.answers);
    const count = await generator.count();
    const after = now();
    const each = (seconds: number): number => (seconds * 1e6) / count.answers;
    return {
      name,
      scenario: load.scenario,
      sessions: load.sessions,
      rate: (count.answers * 1000) / (after.at - before.at),
      p50: count.p50,
      p99: count.p99,
      serverCpu: each(after.server - before.server),
      databaseCpu: each(after.database - before.database),
      memory: sum(servers.map((server) => memoryOf(server.process.pid!))),
    };
  } finally {
    await generator.stop();
  }
}

/** The middle one of several measurements of the same thing, figure by figure. */
export function median(measurements: readonly Figures[]): Figures {
  const middle = (figure: (figures: Figures) => number): number =>
    measurements.map(figure).sort((a, b) => a - b)[Math.floor(measurements.length / 2)]!;
  return {
    ...measurements[0]!,
    rate: middle(({ rate }) => rate),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    serverCpu: middle(({ serverCpu }) => serverCpu),
    databaseCpu: middle(({ databaseCpu }) => databaseCpu),
    memory: middle(({ memory }) => memory),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
