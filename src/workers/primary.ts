import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry } from 'prom-client';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Answer, Asked, Counted } from './messages.js';

/** How long a worker has to end by itself, in milliseconds: longer than it drains and than it cuts connections after. */
const END_WITHIN = 20_000;
/** A worker that ends sooner, in milliseconds, may do so again at once: it is waited with, twice as long each time. */
const SETTLED_AFTER = 10_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** Told what becomes of the workers. */
export interface PrimaryLog {
  warn(line: Readonly<Record<string, unknown>>): void;
  end(): Promise<void>;
}

/**
 * Runs the service in `count` processes that share its port, so that it uses that many cores; this one answers no request.
 * A worker that ends is replaced. What they must know of one another is here: the counts of their limits, and the sum of
 * their metrics. SIGTERM and SIGINT end all of them, and then this process, with 0 if each came to its own end.
 *
 * If the first one ends before it listens, this process ends as it did: what is wrong has been said, and holds for all.
 */
export function runPrimary(count: number, log: PrimaryLog): void {
  new Primary(count, log).start();
}

class Primary {
  private readonly counts = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 60 });
  private readonly metrics = new AggregatorRegistry();
  private stopping = false;
  private failed = false;

  constructor(
    private readonly count: number,
    private readonly log: PrimaryLog,
  ) {}

  start(): void {
    cluster.on('message', (worker, message: Asked) => void this.answer(worker, message));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.stop());
    // Each worker accepts for itself. Where the primary accepts and hands on, which is the default, a connection on its way
    // to a worker that is killed is never answered and never closed.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    const first = cluster.fork();
    const endAsIt = (code: number | null): void => process.exit(code === 0 ? 1 : (code ?? 1));
    first.once('exit', endAsIt).once('listening', () => {
      first.off('exit', endAsIt);
      this.watch(first);
      for (let others = 1; others < this.count; others++) this.watch(cluster.fork());
    });
  }

  private watch(worker: Worker, pause = FIRST_PAUSE): void {
    const since = performance.now();
    worker.once('exit', (code: number | null, signal: string | null) => {
      if (this.stopping) {
        this.ended(code, signal);
        return;
      }
      const settled = performance.now() - since > SETTLED_AFTER;
      const wait = settled ? 0 : pause;
      this.log.warn({ msg: 'a worker has ended and is replaced', worker: worker.id, code, signal, wait });
      setTimeout(() => {
        if (!this.stopping)
          this.watch(cluster.fork(), settled ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE));
      }, wait);
    });
  }

  private stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    for (const worker of workers()) worker.process.kill('SIGTERM');
    setTimeout(() => {
      this.failed = true;
      for (const worker of workers()) worker.process.kill('SIGKILL');
    }, END_WITHIN);
    if (workers().length === 0) this.exit(0);
  }

  private ended(code: number | null, signal: string | null): void {
    // By that one it ends only before it has begun, when nothing of it was left unanswered.
    this.failed ||= code !== 0 && signal !== 'SIGTERM';
    if (workers().length === 0) this.exit(this.failed ? 1 : 0);
  }

  private exit(code: number): void {
    void this.log.end().then(() => process.exit(code));
  }

  private async answer(worker: Worker, message: Partial<Asked>): Promise<void> {
    // Node's and prom-client's own messages come this way, too.
    if (message.ask === undefined) return;
    const answer = await this.answerTo(message as Asked).catch((error: unknown) => ({
      failed: String(error),
    }));
    // It may have ended meanwhile.
    if (worker.isConnected()) worker.send({ answers: message.ask, ...answer } satisfies Answer);
  }

  private async answerTo(asked: Asked): Promise<Omit<Answer, 'answers'>> {
    if ('metrics' in asked) return { metrics: await this.metrics.clusterMetrics() };
    return { counted: await Promise.all(asked.count.map((key) => this.countOnce(key))) };
  }

  private async countOnce(key: string): Promise<Counted> {
    const { consumedPoints, msBeforeNext } = await this.counts.consume(key);
    return [consumedPoints, msBeforeNext];
  }
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}
