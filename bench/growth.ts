import { measure } from './measure.ts';
import type { Server } from './processes.ts';
import type { Stage } from './stage.ts';

const SESSIONS = 1_000_000;

/** What a million rotations of a million sessions did to their table. */
export interface Grown {
  /** By how much table and indexes grew, as a part of what they were. */
  readonly growth: number;
  /** What part of the updates were heap-only (HOT), so that no index was touched. */
  readonly hot: number;
}

/** Rotates as often as there are sessions. */
export async function rotateMillion(stage: Stage, server: Server): Promise<Grown> {
  await stage.fill(SESSIONS);
  await stage.query('SELECT pg_stat_reset_single_table_counters($1::regclass)', ['sessions']);
  const before = await sizeOf(stage);
  const load = { scenario: 'rotate-body', sessions: SESSIONS, loops: 64 } as const;
  await measure('service', [server], load, { warmUp: 0, count: { answers: SESSIONS } });
  const after = await sizeOf(stage);
  return { growth: (after - before) / before, hot: await hotPart(stage) };
}

async function sizeOf(stage: Stage): Promise<number> {
  const [row] = await stage.query<{ size: string }>(`SELECT pg_total_relation_size('sessions') AS size`);
  return Number(row!.size);
}

// Backends report what they did at the latest some seconds after they fell idle.
async function hotPart(stage: Stage): Promise<number> {
  for (let tried = 0; ; tried++) {
    const [row] = await stage.query<{ all: string; hot: string }>(
      `SELECT n_tup_upd AS "all", n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
    );
    if (Number(row!.all) >= SESSIONS || tried === 60) return Number(row!.hot) / Number(row!.all);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
