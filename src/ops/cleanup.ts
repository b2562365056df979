import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { UsedJtis } from '../store/used-jtis.js';
import { SessionDirectory } from '../store/session-directory.js';

const BATCH = 500;
const BETWEEN_BATCHES = 200;
const BETWEEN_WALKS = 15 * 60_000;

/**
 * Forgets used identifiers that need not be remembered, and deletes sessions that have been dead for a day, by walking along the primary key in small batches: no index on a
 * deadline is needed, which every refresh would have to update. Replicas may all do it.
 */
@Injectable()
export class Cleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Cleanup.name);
  private readonly stop = new AbortController();

  constructor(
    private readonly directory: SessionDirectory,
    private readonly usedJtis: UsedJtis,
  ) {}

  onApplicationBootstrap(): void {
    void this.walkForever().catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.stop.abort();
  }

  /** One walk over all sessions; how many were deleted. */
  async walk(): Promise<number> {
    let total = 0;
    let last: string | undefined;
    do {
      const swept = await this.directory.sweep(BATCH, last);
      total += swept.deleted;
      last = swept.last;
      if (last) await this.breathe();
    } while (last);
    return total;
  }

  private breathe(): Promise<void> {
    return pause(BETWEEN_BATCHES, undefined, { signal: this.stop.signal, ref: false });
  }

  private async walkForever(): Promise<void> {
    for (;;) {
      try {
        const deleted = await this.walk();
        while ((await this.usedJtis.forget(BATCH)) === BATCH) await this.breathe();
        if (deleted > 0) this.logger.log({ msg: 'expired sessions deleted', deleted });
      } catch (error) {
        if (this.stop.signal.aborted) return;
        this.logger.warn(`Clean-up was put off: ${String(error)}`);
      }
      await pause(BETWEEN_WALKS, undefined, { signal: this.stop.signal, ref: false });
    }
  }
}
