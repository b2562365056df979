import { Injectable } from '@nestjs/common';
import { AggregatorRegistry, Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { RequestRecord } from '../http/request-record.js';
import { isWorker, metricsOfAll } from '../workers/ask-primary.js';

/** What is counted, for Prometheus. Labels come from closed lists: no session, subject or address is among them. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Counter({
    name: 'ratchet_requests_total',
    help: 'Requests to a contract, by how they came out and why',
    labelNames: ['contract', 'outcome', 'reason', 'detail', 'dry_run'],
    registers: [this.registry],
  });
  private readonly undelivered = new Counter({
    name: 'ratchet_undelivered_total',
    help: 'Requests to a contract whose client went away before it had its answer',
    labelNames: ['contract'],
    registers: [this.registry],
  });
  private readonly duration = new Histogram({
    name: 'ratchet_request_duration_seconds',
    help: 'Time to answer a request to a contract',
    labelNames: ['contract'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    if (isWorker) answerPrimary(this.registry);
  }

  /** Counts a request that took `ms` milliseconds, and whether its answer could be `delivered`. */
  count({ contract, outcome, reason, detail, dryRun }: RequestRecord, ms: number, delivered: boolean): void {
    if (!contract) return;
    this.requests.inc({
      contract,
      outcome: outcome ?? 'none',
      reason: reason ?? '',
      detail: detail ?? '',
      dry_run: String(dryRun ?? false),
    });
    if (!delivered) this.undelivered.inc({ contract });
    this.duration.observe({ contract }, ms / 1000);
  }

  /** Everything, in Prometheus's text format: of all workers, if this is one of several. */
  text(): Promise<string> {
    return isWorker ? metricsOfAll() : this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}

/** Lets the primary ask for what a worker has counted. */
function answerPrimary(registry: Registry): void {
  AggregatorRegistry.setRegistries(registry);
  // It listens from when one is made.
  new AggregatorRegistry();
}
