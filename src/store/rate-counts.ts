/** How often something was counted. */
export interface RateCount {
  readonly count: number;
  /** Milliseconds until it starts anew. */
  readonly reset: number;
}

/** Counts for all replicas. */
export abstract class RateCounts {
  /**
   * Counts `key` once more. Its count starts anew a minute after it began.
   *
   * @throws Unavailable if it cannot be had within a fraction of a second
   */
  abstract count(key: string): Promise<RateCount>;

  /** Forgets up to `limit` counts that would start anew; how many they were. */
  abstract forget(limit: number): Promise<number>;
}
