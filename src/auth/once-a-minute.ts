import type { Clock } from './clock.js';

const MINUTE = 60_000;

/** Keeps what may happen with every request from filling the log. */
export class OnceAMinute {
  private lastAt = -Infinity;

  constructor(private readonly clock: Clock) {}

  /** Does `work`, unless it did so less than a minute ago. */
  do(work: () => void): void {
    const now = this.clock.now().getTime();
    if (now - this.lastAt < MINUTE) return;
    this.lastAt = now;
    work();
  }
}
