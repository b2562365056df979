import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { AccessTokenSigner } from '../keys/access-token-signer.js';
import { Database } from '../store/database/database.js';
import { Drain } from './drain.js';

/** Whether the process lives, and whether it should be sent requests. */
@ApiExcludeController()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    private readonly signer: AccessTokenSigner,
    private readonly drain: Drain,
  ) {}

  /** 200 as long as the process answers at all: a database that is down is no reason to restart it. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 200 if the database answers, tokens can be signed and the process is not on its way out; else 503. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthCheckResult> {
    const result = await this.health
      .check([
        () => this.draining(),
        () => this.reach('database', () => this.database.ping()),
        () => this.reach('keys', () => this.signer.ready()),
      ])
      .catch((error: unknown) => unhealthyResult(error));
    if (result.status !== 'ok') reply.status(503).header('retry-after', '1');
    return result;
  }

  private draining(): HealthIndicatorResult {
    const indicator = this.indicators.check('drain');
    return this.drain.started ? indicator.down('shutting down') : indicator.up();
  }

  private async reach(key: string, probe: () => Promise<void> | void): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check(key);
    try {
      await probe();
      return indicator.up();
    } catch {
      return indicator.down('does not answer');
    }
  }
}

function unhealthyResult(error: unknown): HealthCheckResult {
  const response = (error as { getResponse?: () => unknown }).getResponse?.();
  if (!response) throw error;
  return response as HealthCheckResult;
}
