import { Controller, Get, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ServiceKeyGuard } from '../http/service-key.guard.js';
import { ForRole } from '../http/service-role.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';

/** Metrics for Prometheus, for holders of a service key. */
@ApiExcludeController()
@Controller('metrics')
@UseGuards(ServiceKeyGuard)
@ForRole('metrics')
export class MetricsController {
  constructor(private readonly registry: MetricsRegistry) {}

  @Get()
  async read(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.registry.text();
    await reply.type(this.registry.contentType).send(text);
  }
}
