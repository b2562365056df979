import { Inject, Injectable, Logger } from '@nestjs/common';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { RateCounts } from '../store/rate-counts.js';
import { isWorker } from '../workers/ask-primary.js';

/** In seconds. */
const MINUTE = 60;

/** Where a caller stands against a limit. */
export interface RateStanding {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the count starts anew. */
  readonly reset: number;
}

/**
 * Counts requests a minute, per address and per session. Dry runs are counted by themselves: whoever tries things out, or
 * holds a copy of a token, uses up nobody's refreshes.
 *
 * This process counts in its memory, and refuses by that. Where workers or replicas share their counts, the shared one is asked
 * as well; while it cannot be had, nobody is held up by that.
 */
@Injectable()
export class RateLimiter {
  private readonly logger = new Logger('RateLimits');
  private readonly real: Limits;
  private readonly dry: Limits;
  private readonly wrongServiceKeys: RateLimiterMemory | undefined;
  private readonly unknownTokens: RateLimiterMemory | undefined;
  private readonly shared: RateCounts | undefined;
  private isAlone = false;

  constructor(@Inject(CONFIG) { rateLimits }: Config, counts: RateCounts) {
    this.real = limitsOf(rateLimits, '');
    this.dry = limitsOf(rateLimits, 'dry-run-');
    this.wrongServiceKeys = aMinute(rateLimits.wrongServiceKeys, 'wrong-service-key');
    this.unknownTokens = aMinute(rateLimits.unknownTokens, 'unknown-token');
    this.shared = isWorker || rateLimits.store === 'postgresql' ? counts : undefined;
  }

  /** Counts a request from an address; undefined if addresses are not limited. */
  async fromAddress(address: string, dryRun = false): Promise<RateStanding | undefined> {
    const { addresses } = dryRun ? this.dry : this.real;
    return addresses && this.count(addresses, address);
  }

  /** Counts a request for a session; undefined if sessions are not limited. */
  async forSession(sessionId: string, dryRun: boolean): Promise<RateStanding | undefined> {
    const { sessions } = dryRun ? this.dry : this.real;
    return sessions && this.count(sessions, sessionId);
  }

  /** Counts a wrong service key from an address; undefined if they are not limited. */
  async wrongServiceKey(address: string): Promise<RateStanding | undefined> {
    return this.wrongServiceKeys && this.count(this.wrongServiceKeys, address);
  }

  /** Counts a token of the system before from an address that turned out to be none. */
  async unknownToken(address: string): Promise<void> {
    if (!this.unknownTokens) return;
    const { allowed, reset } = await this.count(this.unknownTokens, address);
    // Known here from then on, whoever counted the others.
    if (!allowed) await this.unknownTokens.block(address, reset);
  }

  /** In how many seconds an address may present another token that is perhaps none; 0 if now. Counts nothing. */
  async untilUnknownToken(address: string): Promise<number> {
    const counted = await this.unknownTokens?.get(address);
    const isOver = counted && counted.consumedPoints >= this.unknownTokens!.points;
    return isOver ? Math.ceil(counted.msBeforeNext / 1000) : 0;
  }

  private count(limiter: RateLimiterMemory, key: string): Promise<RateStanding> {
    return this.shared ? this.countEverywhere(limiter, key, this.shared) : countHere(limiter, key);
  }

  private async countEverywhere(
    limiter: RateLimiterMemory,
    key: string,
    shared: RateCounts,
  ): Promise<RateStanding> {
    const here = await countHere(limiter, key);
    // A flood that this process sees by itself costs the database nothing.
    if (!here.allowed) return here;
    try {
      const { count, reset } = await shared.count(limiter.getKey(key));
      this.note(false);
      const limit = limiter.points;
      return {
        allowed: count <= limit,
        limit,
        remaining: Math.max(0, limit - count),
        reset: Math.ceil(reset / 1000),
      };
    } catch (error) {
      this.note(true, String(error));
      return here;
    }
  }

  /** Tells the operator when the shared counts are lost, and when they are back. */
  private note(isAlone: boolean, why = ''): void {
    if (isAlone === this.isAlone) return;
    this.isAlone = isAlone;
    if (isAlone) this.logger.warn(`Limits are counted in this process alone for now: ${why}`);
    else this.logger.log('Limits are shared again');
  }
}

interface Limits {
  readonly addresses: RateLimiterMemory | undefined;
  readonly sessions: RateLimiterMemory | undefined;
}

function limitsOf({ perAddress, perSession }: Config['rateLimits'], kind: string): Limits {
  return {
    addresses: aMinute(perAddress, `${kind}address`),
    sessions: aMinute(perSession, `${kind}session`),
  };
}

function aMinute(limit: number, keyPrefix: string): RateLimiterMemory | undefined {
  return limit === 0 ? undefined : new RateLimiterMemory({ points: limit, duration: MINUTE, keyPrefix });
}

async function countHere(limiter: RateLimiterMemory, key: string): Promise<RateStanding> {
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
