import { setTimeout as pause } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { BulkRevocations, type BulkRevocation } from '../store/bulk-revocations.js';
import { CONFIG } from '../config/config.module.js';
import type { Config } from '../config/config.js';
import { LegacyTokens } from '../store/legacy-tokens.js';
import { RateCounts } from '../store/rate-counts.js';
import { SessionHistory } from '../store/session-history.js';
import { SessionRegistry } from '../store/session-registry.js';
import { UsedJtis } from '../store/used-jtis.js';
import { CleanupMetrics } from './cleanup-metrics.js';

const BATCH = 500;
const COUNTS = 5_000;
const BETWEEN_BATCHES = 200;
const BETWEEN_MARKS = 50;
const PAGES_BETWEEN_NOTES = 50;
const BETWEEN_WALKS = 15 * 60_000;
/** At most 2,500 sessions a second are deleted, and ten times as many looked at, however many replicas there are. */
const WALK = { page: BATCH, afterDeleting: 200, afterLooking: 20, between: BETWEEN_WALKS };
/** How soon another replica goes on with a walk that one has left. */
const BETWEEN_LOOKS = 60_000;
const BETWEEN_REVOCATIONS = 30_000;
const BETWEEN_FORGETTING = 60_000;

/**
 * Forgets used identifiers and counts of requests that need not be remembered. Deletes sessions whose deadline
 * is long past, by walking along the primary key in small batches: no index on a deadline is needed, which every refresh
 * would have to update. Marks the sessions that were ended in bulk and that nobody waited for. Whatever breaks off
 * goes on where it was. Replicas may all do it; each begins at a moment of its own, so that those that start together
 * do not work at the same rows together.
 */
@Injectable()
export class Cleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Cleanup.name);
  private readonly stop = new AbortController();

  constructor(
    private readonly registry: SessionRegistry,
    private readonly revocations: BulkRevocations,
    private readonly usedJtis: UsedJtis,
    private readonly rateCounts: RateCounts,
    private readonly legacyTokens: LegacyTokens,
    private readonly history: SessionHistory,
    @Inject(CONFIG) private readonly config: Pick<Config, 'sessionRetention' | 'history'>,
    @Optional() private readonly metrics?: CleanupMetrics,
  ) {}

  onApplicationBootstrap(): void {
    void this.forever(BETWEEN_LOOKS, () => this.walk(), BETWEEN_WALKS).catch(() => undefined);
    void this.forever(BETWEEN_FORGETTING, () => this.forgetUsedJtis()).catch(() => undefined);
    void this.forever(BETWEEN_REVOCATIONS, () => this.markRevoked()).catch(() => undefined);
    void this.forever(BETWEEN_FORGETTING, () => this.forgetCounts()).catch(() => undefined);
    void this.forever(BETWEEN_WALKS, () => this.forgetRedemptions()).catch(() => undefined);
    void this.forever(BETWEEN_WALKS, () => this.forgetHistories()).catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.stop.abort();
  }

  /** Walks over all sessions, from where the walk is, for as long as no other replica does; how many were deleted. */
  async walk(): Promise<number> {
    let total = 0;
    for (;;) {
      const { made, over, deleted, met } = await this.registry.sweep({
        ...WALK,
        retention: this.config.sessionRetention,
      });
      total += deleted;
      this.metrics?.swept(deleted);
      if (met) this.metrics?.walked(met);
      if (!made || over) break;
      // A little later than it may be made: who comes too early leaves the walk to others.
      await this.breathe((deleted > 0 ? WALK.afterDeleting : WALK.afterLooking) * 1.1 + 1);
    }
    if (total > 0) this.logger.log({ msg: 'expired sessions deleted', deleted: total });
    return total;
  }

  /** Forgets the used identifiers that are too old to be used again anyway. */
  async forgetUsedJtis(): Promise<void> {
    while ((await this.usedJtis.forget(BATCH)) === BATCH) await this.breathe();
  }

  /** Forgets which tokens were redeemed at the issuer of before. */
  async forgetRedemptions(): Promise<void> {
    while ((await this.legacyTokens.forget(BATCH)) === BATCH) await this.breathe();
  }

  /** Forgets what happened to sessions whose rows have been gone for long enough. */
  async forgetHistories(): Promise<void> {
    const { retention } = this.config.history;
    while ((await this.history.forget(BATCH, retention)) === BATCH) await this.breathe();
  }

  /** Forgets the counts of requests whose minute is over. */
  async forgetCounts(): Promise<void> {
    while ((await this.rateCounts.forget(COUNTS)) === COUNTS) await this.breathe();
  }

  /** Carries out the bulk revocations that are due; how many sessions were marked. */
  async markRevoked(): Promise<number> {
    let total = 0;
    for (const revocation of await this.revocations.due()) total += await this.carryOut(revocation);
    return total;
  }

  private async carryOut(revocation: BulkRevocation): Promise<number> {
    let [total, last] = [0, revocation.reached];
    for (let pages = 1; ; pages++) {
      const page = await this.revocations.mark(revocation, last);
      total += page.marked;
      last = page.last;
      if (!last) break;
      if (pages % PAGES_BETWEEN_NOTES === 0) await this.revocations.reach(revocation, last);
      if (page.marked > 0) await this.breathe(BETWEEN_MARKS);
    }
    await this.revocations.finish(revocation);
    return total;
  }

  private breathe(milliseconds = BETWEEN_BATCHES): Promise<void> {
    return pause(milliseconds, undefined, { signal: this.stop.signal, ref: false });
  }

  /** @param within how long until it is done for the first time, at most */
  private async forever(between: number, work: () => Promise<unknown>, within = between): Promise<void> {
    await this.breathe(Math.random() * within);
    for (;;) {
      try {
        await work();
      } catch (error) {
        if (this.stop.signal.aborted) return;
        this.logger.warn(`Clean-up was put off: ${String(error)}`);
      }
      await this.breathe(between);
    }
  }
}
