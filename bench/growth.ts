import { measure } from './measure.ts';
import type { Server } from './processes.ts';
import type { BenchEnvironment } from './environment.ts';

const SESSIONS = 1_000_000;

/** What a million rotations of a million sessions did to their table. */
export interface Grown {
  /** By how much table and indexes grew, as a part of what they were. */
  readonly growth: number;
  /** What part of the updates were heap-only (HOT), so that no index was touched. */
  readonly hot: number;
}

/** Rotates as often as there are sessions. */
export async function rotateMillion(environment: BenchEnvironment, server: Server): Promise<Grown> {
  await environment.fill(SESSIONS);
  await environment.query('SELECT pg_stat_reset_single_table_counters($1::regclass)', ['sessions']);
  const before = await sizeOf(environment);
  const load = { scenario: 'rotate-body', sessions: SESSIONS, loops: 64 } as const;
  await measure('service', [server], load, { warmUp: 0, count: { answers: SESSIONS } });
  const after = await sizeOf(environment);
  return { growth: (after - before) / before, hot: await hotPart(environment) };
}

async function sizeOf(environment: BenchEnvironment): Promise<number> {
  const [row] = await environment.query<{ size: string }>(
    `SELECT pg_total_relation_size('sessions') AS size`,
  );
  return Number(row!.size);
}

// Backends report what they did at the latest some seconds after they fell idle.
async function hotPart(environment: BenchEnvironment): Promise<number> {
  for (let tried = 0; ; tried++) {
    const [row] = await environment.query<{ all: string; hot: string }>(
      `SELECT n_tup_upd AS "all", n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
    );
    if (Number(row!.all) >= SESSIONS || tried === 60) return Number(row!.hot) / Number(row!.all);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
