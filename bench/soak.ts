import { setTimeout as pause } from 'node:timers/promises';
import { Generator, memoryOf, type Server } from './processes.ts';
import { SERVICE_KEY } from './sessions.ts';

const EVERY = 15;

/** What long load does to the service's process. */
export interface Soaked {
  readonly minutes: number;
  /** RSS at the end, in MB. */
  readonly last: number;
  /** By how much the mean RSS of the last quarter is above that of the second, as a part. */
  readonly growth: number;
  /** The longest that the event loop stood still, in milliseconds. */
  readonly stall: number;
}

/** Rotates for so many minutes, and looks at the process every few seconds. */
export async function soak(server: Server, minutes: number, say: (line: string) => void): Promise<Soaked> {
  const load = { scenario: 'rotate-body', ports: [server.port], sessions: 1_000, loops: 64 } as const;
  const generator = await Generator.prepare(load);
  const memory: number[] = [];
  let stall = 0;
  try {
    generator.run();
    // What starting and warming up does is not what long load does.
    await pause(5_000);
    await longestStall(server);
    for (let second = 0; second < minutes * 60; second += EVERY) {
      await pause(EVERY * 1000);
      memory.push(memoryOf(server.process.pid!));
      stall = Math.max(stall, await longestStall(server));
      const { answers } = await generator.count();
      say(
        `soak ${second + EVERY} s: ${Math.round(answers / EVERY)}/s, RSS ${memory.at(-1)!.toFixed(0)} MB, stall ${stall.toFixed(0)} ms`,
      );
    }
  } finally {
    await generator.stop();
  }
  const quarter = Math.max(1, Math.floor(memory.length / 4));
  const second = mean(memory.slice(quarter, 2 * quarter));
  return { minutes, last: memory.at(-1)!, growth: (mean(memory.slice(-quarter)) - second) / second, stall };
}

/** The longest delay of the event loop since this was last asked, in milliseconds, as the service's metrics have it. */
async function longestStall({ port }: Server): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${SERVICE_KEY}` },
  });
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(await answer.text())?.[1]) * 1000;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0) / numbers.length;
}
