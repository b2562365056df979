import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import type { RefusalReason } from '../core/refusal.js';
import type { Turn } from '../core/rotation.js';
import type { RequestRecord } from '../http/request-record.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';

/** How refreshes succeed: the kinds of Turn (core/rotation.ts). */
const REFRESHED: ReadonlySet<string> = new Set<Turn['kind']>([
  ...(['rotate', 'retry', 'coalesce'] as const),
  ...(['recover', 'fast-forward', 'touch'] as const),
]);
/** Refusals that sign out somebody who had not asked for it, nor been away for too long. */
const FORCED: ReadonlySet<string> = new Set<RefusalReason>(['reused', 'unknown_session']);

/** What is measured of requests to the contracts. */
@Injectable()
export class Metrics {
  private readonly requests: Counter;
  private readonly refreshes: Counter;
  private readonly forcedLogouts: Counter;
  private readonly undelivered: Counter;
  private readonly duration: Histogram;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'ratchet_requests_total',
      help: 'Requests to a contract, by how they came out and why',
      labelNames: ['contract', 'outcome', 'reason', 'detail', 'dry_run'],
      registers,
    });
    this.refreshes = new Counter({
      name: 'ratchet_refreshes_total',
      help: 'Refreshes that succeeded',
      labelNames: ['contract'],
      registers,
    });
    this.forcedLogouts = new Counter({
      name: 'ratchet_forced_logouts_total',
      help: 'Refreshes that signed somebody out who had neither asked for it nor been away for too long, by why: reused, unknown_session, unknown_kid',
      labelNames: ['contract', 'reason'],
      registers,
    });
    this.undelivered = new Counter({
      name: 'ratchet_undelivered_total',
      help: 'Requests to a contract whose client went away before it had its answer',
      labelNames: ['contract'],
      registers,
    });
    this.duration = new Histogram({
      name: 'ratchet_request_duration_seconds',
      help: 'Time to answer a request to a contract',
      labelNames: ['contract'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
  }

  /** Counts a request that took `ms` milliseconds, and whether its answer could be `delivered`. */
  count(record: RequestRecord, ms: number, delivered: boolean): void {
    const { contract, outcome = 'none', reason = '', detail = '', dryRun = false } = record;
    if (!contract) return;
    this.requests.inc({ contract, outcome, reason, detail, dry_run: String(dryRun) });
    if (!dryRun && REFRESHED.has(outcome)) this.refreshes.inc({ contract });
    const forced = detail === 'unknown_kid' ? detail : FORCED.has(reason) ? reason : undefined;
    if (!dryRun && outcome === 'refused' && forced) this.forcedLogouts.inc({ contract, reason: forced });
    if (!delivered) this.undelivered.inc({ contract });
    this.duration.observe({ contract }, ms / 1000);
  }

  /** Has the series of a contract from the start, so that a rate is known when the first one comes. */
  expect(contract: string): void {
    this.refreshes.inc({ contract }, 0);
    for (const reason of [...FORCED, 'unknown_kid']) this.forcedLogouts.inc({ contract, reason }, 0);
  }
}
