import { Injectable } from '@nestjs/common';
import { AggregatorRegistry, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { versionOfService } from '../config/version.js';
import { isWorker, metricsOfAll } from '../workers/ask-primary.js';

/**
 * What is measured in this process, for Prometheus: each layer has its instruments here. Labels come from closed lists: no
 * token, subject, session or address is among them.
 */
@Injectable()
export class MetricsRegistry extends Registry {
  constructor() {
    super();
    // Of Node and the process: CPU, memory, event loop, garbage collection.
    collectDefaultMetrics({ register: this });
    // Gauges with the names of counters, which `promtool check metrics` takes exception to.
    for (const what of ['handles', 'requests', 'resources'])
      this.removeSingleMetric(`nodejs_active_${what}_total`);
    new Gauge({
      name: 'ratchet_build_info',
      help: 'Always 1; its labels say what runs',
      labelNames: ['version', 'node'],
      aggregator: 'max',
      registers: [this],
    }).set({ version: versionOfService(), node: process.versions.node }, 1);
    if (isWorker) answerPrimary(this);
  }

  /** Everything, in Prometheus's text format: of all workers, if this is one of several. */
  text(): Promise<string> {
    return isWorker ? metricsOfAll() : this.metrics();
  }
}

/** Lets the primary ask for what a worker has counted. */
function answerPrimary(registry: Registry): void {
  AggregatorRegistry.setRegistries(registry);
  // It listens from when one is made.
  new AggregatorRegistry();
}
