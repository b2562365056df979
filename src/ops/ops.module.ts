import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { CleanupMetrics } from './cleanup-metrics.js';
import { Cleanup } from './cleanup.js';
import { Drain } from './drain.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';

/** What operators look at. */
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController, MetricsController],
  providers: [Cleanup, CleanupMetrics, Drain, Metrics],
})
export class OpsModule {}
