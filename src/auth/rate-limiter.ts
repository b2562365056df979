import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';

/** Where a caller stands against a limit. */
export interface RateStanding {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the count starts anew. */
  readonly reset: number;
}

/** Counts requests a minute in this process's memory, per address and per session. */
@Injectable()
export class RateLimiter {
  private readonly addresses: RateLimiterMemory | undefined;
  private readonly sessions: RateLimiterMemory | undefined;

  constructor(@Inject(CONFIG) { rateLimits }: Config) {
    this.addresses = aMinute(rateLimits.perAddress);
    this.sessions = aMinute(rateLimits.perSession);
  }

  /** Counts a request from an address; undefined if addresses are not limited. */
  async fromAddress(address: string): Promise<RateStanding | undefined> {
    return this.addresses && count(this.addresses, address);
  }

  /** Counts a request for a session; undefined if sessions are not limited. */
  async forSession(sessionId: string): Promise<RateStanding | undefined> {
    return this.sessions && count(this.sessions, sessionId);
  }
}

function aMinute(limit: number): RateLimiterMemory | undefined {
  return limit === 0 ? undefined : new RateLimiterMemory({ points: limit, duration: 60 });
}

async function count(limiter: RateLimiterMemory, key: string): Promise<RateStanding> {
  const counted = await limiter.consume(key).catch((refused: unknown) => {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  });
  return {
    allowed: counted.consumedPoints <= limiter.points,
    limit: limiter.points,
    remaining: counted.remainingPoints,
    reset: Math.ceil(counted.msBeforeNext / 1000),
  };
}
