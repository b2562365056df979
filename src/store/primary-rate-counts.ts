import { countInPrimary } from '../workers/ask-primary.js';
import { Batch } from './prisma/batch.js';
import { RateCounts, type RateCount } from './rate-counts.js';

/** Whatever becomes of the counts, refreshes go on. */
const LIMITS = { size: 1_000, slots: 2, queue: 10_000, within: 250 };

/** The counts of the workers of one service, which its primary keeps. What is counted at once shares a message. */
export class PrimaryRateCounts extends RateCounts {
  private readonly counts = new Batch<string, RateCount>(LIMITS, async (keys) =>
    (await countInPrimary(keys)).map(([count, reset]) => ({ count, reset })),
  );
  private asked = 0;

  override count(key: string): Promise<RateCount> {
    // Each counts, so none is taken for another.
    return this.counts.add(String(this.asked++), key);
  }

  override forget(): Promise<number> {
    return Promise.resolve(0);
  }
}
