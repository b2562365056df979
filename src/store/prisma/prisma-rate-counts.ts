import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { RateCounts, type RateCount } from '../rate-counts.js';
import { Batch } from './batch.js';

/** Few connections, and no long wait: whatever becomes of the counts, refreshes go on. */
const LIMITS = { size: 256, slots: 2, queue: 1_000, within: 250 };

/** The counts on PostgreSQL, whose clock decides: replicas' clocks may differ. What comes at once shares a statement. */
@Injectable()
export class PrismaRateCounts extends RateCounts {
  private readonly counts = new Batch<string, RateCount>(LIMITS, (keys) => this.countAll(keys));
  private asked = 0;

  constructor(private readonly database: Database) {
    super();
  }

  override count(key: string): Promise<RateCount> {
    // Each counts, so none is taken for another.
    return this.counts.add(String(this.asked++), key);
  }

  override forget(limit: number): Promise<number> {
    return this.database.run(
      (prisma) => prisma.$executeRaw`
        DELETE FROM rate_counts WHERE key IN
          (SELECT key FROM rate_counts WHERE expires_at < now() LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)`,
    );
  }

  // In the order of the keys, so that no two replicas wait for each other.
  private async countAll(keys: readonly string[]): Promise<readonly RateCount[]> {
    const rows = await this.database.run(
      (prisma) => prisma.$queryRaw<(RateCount & { key: string })[]>`
        INSERT INTO rate_counts AS counted (key, count, expires_at)
        SELECT key, count(*), now() + interval '1 minute' FROM unnest(${keys}::text[]) AS asked(key) GROUP BY key ORDER BY key
        ON CONFLICT (key) DO UPDATE SET
          count = CASE WHEN counted.expires_at > now() THEN counted.count ELSE 0 END + excluded.count,
          expires_at = CASE WHEN counted.expires_at > now() THEN counted.expires_at ELSE excluded.expires_at END
        RETURNING key, count, (EXTRACT(epoch FROM expires_at - now()) * 1000)::int AS reset`,
    );
    const counted = new Map(rows.map((row) => [row.key, row]));
    const before = new Map(rows.map((row) => [row.key, row.count]));
    for (const key of keys) before.set(key, before.get(key)! - 1);
    return keys.map((key) => {
      const count = before.get(key)! + 1;
      before.set(key, count);
      return { count, reset: counted.get(key)!.reset };
    });
  }
}
