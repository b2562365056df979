import { Injectable } from '@nestjs/common';
import { SessionHistory, type HistoryOf, type ToldEvent } from '../../store/session-history.js';
import { SessionRegistry } from '../../store/session-registry.js';

/** A page of a history, newest first. */
export interface HistoryPage {
  readonly events: readonly ToldEvent[];
  /** The number before which the next page goes on; undefined at the end. */
  readonly next: bigint | undefined;
}

/** How many rows are forgotten in a statement, and for how long a request goes on, in milliseconds. */
const PAGE = 500;
const FORGET_WITHIN = 5_000;

/** What happened to sessions, and that it is forgotten. Every verb throws Unavailable as the store does. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly history: SessionHistory,
    private readonly registry: SessionRegistry,
  ) {}

  /** Up to `limit` events, from before the one of the number `before`. */
  async page(of: HistoryOf, limit: number, before?: bigint): Promise<HistoryPage> {
    const found = await this.history.list(of, limit + 1, before);
    const events = found.slice(0, limit);
    return { events, next: found.length > limit ? events.at(-1)!.id : undefined };
  }

  /** Deletes a subject's sessions and their histories; whether nothing is left. */
  async forget(subject: string): Promise<boolean> {
    const until = performance.now() + FORGET_WITHIN;
    while ((await this.registry.forget(subject, PAGE)) > 0) if (performance.now() > until) return false;
    return true;
  }
}
