import { setTimeout as pause } from 'node:timers/promises';
import type { BenchEnvironment } from './environment.ts';
import type { Count } from './load/generator.ts';
import { Generator } from './processes.ts';
import { table } from './table.ts';

const SESSIONS = 20_000;
const SHARES = [0.25, 0.5, 0.7];
/** Enough for what is in flight at 70 %. */
const CONNECTIONS = 256;
const OVERLOAD = 1.2;
/** More than the service lets wait, so that it is the service that says when it is too much. */
const MANY_CONNECTIONS = 4_000;
/** Milliseconds: what asked for of the 99th percentile at 70 %. */
const NORMAL = 20;

/**
 * Refreshes that arrive at a constant rate, whether those before are answered or not: latency is counted from when each was
 * due, as its user meets it. First at shares of what closed loops get; then at more than that for a while, and after it.
 */
export async function openLoop(
  environment: BenchEnvironment,
  { seconds, say }: { seconds: number; say: (line: string) => void },
): Promise<void> {
  // A session's turn comes later than that, and whoever was told 503 too late is given their answer again.
  const server = await environment.service({ ROTATION_GRACE: '1s' });
  const load = { scenario: 'rotate-body', ports: [server.port], sessions: SESSIONS } as const;
  const during = async (
    loops: number,
    rate: number | undefined,
    then: (generator: Generator) => Promise<void>,
  ): Promise<void> => {
    await environment.fill(SESSIONS);
    const generator = await Generator.prepare({ ...load, loops, ...(rate !== undefined && { rate }) });
    try {
      generator.run();
      await then(generator);
    } finally {
      await generator.stop();
    }
  };
  const watch = async (generator: Generator): Promise<Count> => {
    await pause(3_000);
    await generator.count();
    await pause(seconds * 1_000);
    return generator.count();
  };

  let capacity = 0;
  say('capacity, by 64 closed loops');
  await during(
    64,
    undefined,
    async (generator) => void (capacity = (await watch(generator)).answers / seconds),
  );
  const rows: string[][] = [];
  const row = (name: string, { answers, p50, p90, p99, p999, statuses }: Count, over: number): void => {
    const told = Object.entries(statuses).map(([status, many]) => `${status}: ${many.toLocaleString('en')}`);
    rows.push([
      name,
      Math.round(answers / over).toLocaleString('en'),
      ...[p50, p90, p99, p999].map((ms) => ms.toFixed(1)),
      told.join(', '),
    ]);
  };
  for (const share of SHARES) {
    say(`${share * 100} % of ${Math.round(capacity)} a second`);
    await during(CONNECTIONS, capacity * share, async (generator) =>
      row(`${share * 100} %`, await watch(generator), seconds),
    );
  }
  say(`${OVERLOAD * 100} %, then 50 %`);
  let normalAfter = Infinity;
  await during(MANY_CONNECTIONS, capacity * OVERLOAD, async (generator) => {
    row(`${OVERLOAD * 100} %`, await watch(generator), seconds);
    generator.rate(capacity * 0.5);
    for (let second = 1; second <= 60; second++) {
      await pause(1_000);
      const { p99, statuses } = await generator.count();
      if (p99 > NORMAL || Object.keys(statuses).some((status) => status !== '200')) continue;
      normalAfter = second;
      break;
    }
    row('50 % after it', await watch(generator), seconds);
  });
  process.stdout.write(
    `\nCapacity ${Math.round(capacity).toLocaleString('en')} a second (64 closed loops).\n\n` +
      `${table(['arrivals', 'answers/s', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'answers'], rows)}\n\n` +
      `Back to p99 below ${NORMAL} ms, and to 200 alone, ${normalAfter} s after the overload.\n`,
  );
}
