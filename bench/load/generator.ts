import { setTimeout as pause } from 'node:timers/promises';
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
  /**
   * How many requests are due a second, whether those before are answered or not: the next free loop sends the one that has
   * been due for longest, and its latency is counted from then. Without it, a loop is never free.
   */
  readonly rate?: number;
  /**
   * Keeps the generator from ever sleeping, where nobody else needs its core: to wake it at every answer costs a server
   * that answers slowly a seventh of its time, and one that answers fast nothing.
   */
  readonly awake?: boolean;
}

/** What the generator is told, one thing at a time. It answers each with a message of the same name. */
export interface Order {
  readonly prepare?: Load;
  readonly run?: true;
  /** Changes the rate. */
  readonly rate?: number;
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
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<string, number>>;
}

interface Client {
  readonly loop: Loop;
  readonly connection: Connection;
}

const clients: Client[] = [];
let latencies: number[] = [];
let statuses: Record<string, number> = {};
let reach = Infinity;
let stopped = false;
let running: Promise<unknown> = Promise.resolve();
let arrivals: Arrivals | undefined;

process.on('message', (order: Order) => {
  carryOut(order).catch((error: unknown) => process.send!({ failed: String(error) }));
});

async function carryOut({ prepare, run, rate, count, reach: target, stop }: Order): Promise<void> {
  if (prepare) {
    const { scenario, ports, sessions, loops: many, awake = false } = prepare;
    if (prepare.rate !== undefined) arrivals = new Arrivals(prepare.rate);
    for (let at = 0; at < many; at++) {
      const connection = await Connection.open(ports[at % ports.length]!);
      clients.push({ loop: SCENARIOS[scenario](at, many, sessions), connection });
    }
    if (awake) stayAwake();
    process.send!({ prepare: true });
  }
  if (run) {
    arrivals?.begin();
    running = arrivals ? runArrivals(arrivals) : Promise.all(clients.map(runLoop));
    running.catch((error: unknown) => process.send!({ failed: String(error) }));
  }
  if (rate !== undefined) arrivals?.change(rate);
  if (count) {
    process.send!({ count: summary(latencies, statuses) });
    latencies = [];
    statuses = {};
  }
  if (target !== undefined) reach = target;
  if (stop) {
    stopped = true;
    await running;
    for (const { connection } of clients) connection.close();
    process.send!({ stop: true });
  }
}

async function runLoop(client: Client): Promise<void> {
  while (!stopped) await send(client, performance.now());
}

function stayAwake(): void {
  if (!stopped) setImmediate(stayAwake);
}

/** Sends what is due next with whoever has been free for longest, until told to stop; then awaits what is in flight. */
async function runArrivals(due: Arrivals): Promise<void> {
  const free = [...clients];
  const inFlight = new Set<Promise<void>>();
  while (!stopped) {
    for (let at = due.next(); at !== undefined && free.length > 0; at = due.next()) {
      due.take();
      const client = free.shift()!;
      const sent: Promise<void> = send(client, at).then(() => {
        free.push(client);
        inFlight.delete(sent);
      });
      sent.catch((error: unknown) => process.send!({ failed: String(error) }));
      inFlight.add(sent);
    }
    // Not sooner: a generator that never sleeps takes a core from those it measures.
    await pause(1);
  }
  await Promise.all(inFlight);
}

/** A request that was due at `since`. A 503 changes nothing: the same is sent again in its turn. */
async function send({ loop, connection }: Client, since: number): Promise<void> {
  const answer = await connection.send(loop.next());
  statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  if (latencies.push(performance.now() - since) === reach) process.send!({ reach: true });
  if (answer.status !== 503) loop.took(answer);
}

/** When requests are due, at a rate a second. */
class Arrivals {
  private from = 0;
  private taken = 0;

  constructor(private rate: number) {}

  begin(): void {
    this.from = performance.now();
  }

  /** When the next one that nobody has taken was due; undefined if none is. */
  next(): number | undefined {
    const at = this.from + (this.taken * 1_000) / this.rate;
    return at <= performance.now() ? at : undefined;
  }

  take(): void {
    this.taken++;
  }

  /** From now on at another rate; what is due and not sent is given up. */
  change(rate: number): void {
    [this.taken, this.rate] = [0, rate];
    this.begin();
  }
}

function summary(all: readonly number[], told: Record<string, number>): Count {
  const sorted = Float64Array.from(all).sort();
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return {
    answers: sorted.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    statuses: told,
  };
}
