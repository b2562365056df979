import type { SessionEvent } from '../core/session-event.js';

/** Something that happened to a session. */
export interface ToldEvent {
  /** Later ones have higher numbers. */
  readonly id: bigint;
  readonly sessionId: string;
  readonly at: Date;
  readonly event: SessionEvent;
}

/** Whose history: a session's, or all of a subject's. */
export type HistoryOf = { readonly sessionId: string } | { readonly subject: string };

/**
 * What happened to sessions, but for ordinary refreshes. Each event is written by the statement that does what it tells of, so
 * that this port only reads, and forgets. Every verb throws Unavailable if the database does not answer in time.
 */
export abstract class SessionHistory {
  /** Up to `limit` events, the newest first, from before the one of the number `before`. */
  abstract list(of: HistoryOf, limit: number, before?: bigint): Promise<ToldEvent[]>;

  /** Forgets up to `limit` sessions whose rows have been gone for `retention` seconds; how many they were. */
  abstract forget(limit: number, retention: number): Promise<number>;
}
