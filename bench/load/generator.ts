import { Connection } from './connection.ts';
import { SCENARIOS, type Loop, type ScenarioName } from './scenarios.ts';

/** What the generator sends, and where to. */
export interface Load {
  readonly scenario: ScenarioName;
  /** Loops take turns at these. */
  readonly ports: readonly number[];
  readonly sessions: number;
  /** How many loops there are, each of which sends a request when it has the answer to its last. */
  readonly loops: number;
}

/** What the generator is told, one thing at a time. It answers each with a message of the same name. */
export interface Order {
  readonly prepare?: Load;
  readonly run?: true;
  /** Asks for what came since this was last asked. */
  readonly count?: true;
  /** Asks to be told when so many answers have come since the last count. */
  readonly reach?: number;
  readonly stop?: true;
}

/** Answers of which a count was asked. Times are in milliseconds. */
export interface Count {
  readonly answers: number;
  readonly p50: number;
  readonly p99: number;
}

const loops: { loop: Loop; connection: Connection }[] = [];
let latencies: number[] = [];
let reach = Infinity;
let stopped = false;
let running: Promise<unknown> = Promise.resolve();

process.on('message', (order: Order) => {
  carryOut(order).catch((error: unknown) => process.send!({ failed: String(error) }));
});

async function carryOut({ prepare, run, count, reach: target, stop }: Order): Promise<void> {
  if (prepare) {
    const { scenario, ports, sessions, loops: many } = prepare;
    for (let at = 0; at < many; at++) {
      const connection = await Connection.open(ports[at % ports.length]!);
      loops.push({ loop: SCENARIOS[scenario](at, many, sessions), connection });
    }
    process.send!({ prepare: true });
  }
  if (run) {
    running = Promise.all(loops.map(({ loop, connection }) => runLoop(loop, connection)));
    running.catch((error: unknown) => process.send!({ failed: String(error) }));
  }
  if (count) {
    const counted = latencies;
    latencies = [];
    process.send!({ count: summary(counted) });
  }
  if (target !== undefined) reach = target;
  if (stop) {
    stopped = true;
    await running;
    process.send!({ stop: true });
  }
}

async function runLoop(loop: Loop, connection: Connection): Promise<void> {
  while (!stopped) {
    const request = loop.next();
    const sent = performance.now();
    const answer = await connection.send(request);
    if (latencies.push(performance.now() - sent) === reach) process.send!({ reach: true });
    loop.took(answer);
  }
  connection.close();
}

function summary(all: number[]): Count {
  const sorted = Float64Array.from(all).sort();
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { answers: sorted.length, p50: at(0.5), p99: at(0.99) };
}
