import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { RevokedBy } from '../core/session.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';

/** Told how many entries a statement was sent with. */
export type Sent = (entries: number) => void;

/** How a pool of connections stands. */
export interface PoolUse {
  readonly used: number;
  readonly idle: number;
  /** How many statements wait for one. */
  readonly waiting: number;
  readonly size: number;
}

/** What is measured of the database and the sessions in it. */
@Injectable()
export class StoreMetrics {
  private readonly queues = new Map<string, () => number>();
  private poolUse: () => PoolUse | undefined = () => undefined;
  private readonly entries: Histogram;
  private readonly duration: Histogram;
  private readonly errors: Counter;
  private readonly openings: Counter;
  private readonly ends: Counter;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    const { queues } = this;
    const useOfPool = (): PoolUse | undefined => this.poolUse();
    this.entries = new Histogram({
      name: 'ratchet_statement_entries',
      help: 'How many requests of a queue a statement was sent with',
      labelNames: ['queue'],
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000],
      registers,
    });
    new Gauge({
      name: 'ratchet_queue_waiting',
      help: 'Requests that wait for the next statement of a queue: locked_rotations for a row that another one holds',
      labelNames: ['queue'],
      registers,
      collect() {
        for (const [queue, waiting] of queues) this.set({ queue }, waiting());
      },
    });
    new Gauge({
      name: 'ratchet_database_connections',
      help: 'Connections to the database: used, idle, and at most (size); and how many statements wait for one (waiting)',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, value] of Object.entries(useOfPool() ?? {})) this.set({ state }, Number(value));
      },
    });
    this.duration = new Histogram({
      name: 'ratchet_database_duration_seconds',
      help: 'Time to an answer of the database, or to its failure, the wait for a connection included',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
    this.errors = new Counter({
      name: 'ratchet_database_errors_total',
      help: 'Statements that the database did not carry out, by their SQLSTATE class (PostgreSQL manual, appendix A), or timeout, connection, other',
      labelNames: ['class'],
      registers,
    });
    this.openings = new Counter({
      name: 'ratchet_sessions_opened_total',
      help: 'Sessions that were opened',
      registers,
    });
    this.ends = new Counter({
      name: 'ratchet_sessions_ended_total',
      help: 'Sessions that ended: by logout, reuse, service or limit at once; by expiry when the clean-up deletes them, some time later',
      labelNames: ['by'],
      registers,
    });
    // There from the start, so that a rate is known when the first one comes.
    for (const by of ['logout', 'reuse', 'service', 'limit', 'expiry'] as const) this.ends.inc({ by }, 0);
  }

  /** Watches a queue. Gives what is to be told of each of its statements. */
  queue(queue: string, waiting: () => number): Sent {
    this.queues.set(queue, waiting);
    const entries = this.entries.labels({ queue });
    return (count) => entries.observe(count);
  }

  /** Watches a pool: `use` gives undefined while there is none. */
  pool(use: () => PoolUse | undefined): void {
    this.poolUse = use;
  }

  /** A statement took so many seconds, and failed for a reason of that class, if it did. */
  answered(seconds: number, failure?: string): void {
    this.duration.observe(seconds);
    if (failure !== undefined) this.errors.inc({ class: failure });
  }

  /** So many sessions were opened. */
  opened(count: number): void {
    this.openings.inc(count);
  }

  /** So many sessions ended. */
  ended(by: RevokedBy | 'expiry', count: number): void {
    this.ends.inc({ by }, count);
  }
}
