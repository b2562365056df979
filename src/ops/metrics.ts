import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Account } from '../http/exchange.js';

/** What is counted, for Prometheus. Labels come from closed lists: no session, subject or address is among them. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Counter({
    name: 'ratchet_requests_total',
    help: 'Requests to a contract, by how they came out and why',
    labelNames: ['contract', 'outcome', 'reason', 'dry_run'],
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
  }

  /** Counts an answered request, which took `ms` milliseconds. */
  count({ contract, outcome, reason, dryRun }: Account, ms: number): void {
    if (!contract) return;
    this.requests.inc({
      contract,
      outcome: outcome ?? 'none',
      reason: reason ?? '',
      dry_run: String(dryRun ?? false),
    });
    this.duration.observe({ contract }, ms / 1000);
  }

  /** Everything, in Prometheus's text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }
}
