import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import type { Met } from '../store/session-registry.js';

/** What is measured of the clean-up, and what it counts on its way. */
@Injectable()
export class CleanupMetrics {
  private readonly deleted: Counter;
  private readonly alive: Gauge;
  private readonly legacy: Gauge;
  private readonly finished: Gauge;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.deleted = new Counter({
      name: 'ratchet_cleanup_deleted_sessions_total',
      help: 'Rows of sessions that were deleted some time after their deadline',
      registers,
    });
    // All processes share one walk, and know what the last one met.
    this.alive = new Gauge({
      name: 'ratchet_sessions_alive',
      help: 'Sessions that lived when the clean-up last walked over them',
      aggregator: 'max',
      registers,
    });
    this.legacy = new Gauge({
      name: 'ratchet_legacy_tokens_left',
      help: 'Of these, imported ones whose token of the system before has not come yet',
      aggregator: 'max',
      registers,
    });
    this.finished = new Gauge({
      name: 'ratchet_cleanup_finished_timestamp_seconds',
      help: 'When the clean-up last came to the end of its walk over all sessions',
      aggregator: 'max',
      registers,
    });
    // Unknown, which 0 is not, until a walk has ended.
    for (const gauge of [this.alive, this.legacy, this.finished]) gauge.remove();
  }

  /** A statement deleted so many sessions. */
  swept(deleted: number): void {
    this.deleted.inc(deleted);
  }

  /** What the last walk met that has ended. */
  walked({ live, unused, finishedAt }: Met): void {
    this.alive.set(live);
    this.legacy.set(unused);
    this.finished.set(finishedAt.getTime() / 1000);
  }
}
