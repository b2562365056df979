import type { Revoking } from '../core/session-event.js';
import type { RevokedBy } from '../core/session.js';
import type { SessionCursor } from './session-registry.js';

/** Ends all sessions of a key that were created at or before a time. */
export interface BulkRevocation {
  readonly id: string;
  /**
   * `subject:` and a subject; `client:` and the client that the sessions are bound to; `client_id:` and a client id that
   * they name, bound or not; or `*` for all.
   */
  readonly key: string;
  readonly before: Date;
  /** A session that it does not end. */
  readonly except: string | null;
  readonly revokedAt: Date;
  readonly revokedBy: RevokedBy;
  /** What the histories of its sessions tell; null if a release without histories ended them. */
  readonly event: Revoking | null;
  /**
   * Whether all rows have been marked once. It is then settled, too: every statement that could still open a session
   * from before it is over, and when its rows have been looked at once more, it can be forgotten.
   */
  readonly marked: boolean;
  /** How far the rows are marked, or looked at once more; undefined at the start. */
  readonly reached: SessionCursor | undefined;
}

/** What became of the rows of some sessions. */
export interface Marked {
  /** The last one looked at; undefined if there is none after it. */
  readonly last: SessionCursor | undefined;
  readonly marked: number;
}

/**
 * The ends of more sessions than one statement can write. Each counts from its commit on; what is left to do is to mark
 * the rows, and then to forget it. Every verb throws Unavailable if the database does not answer in time.
 */
export abstract class BulkRevocations {
  /** Those whose rows are to be marked, and those that are to be looked at once more. */
  abstract due(): Promise<BulkRevocation[]>;

  /** Marks the live ones of its next thousand sessions after `after`. */
  abstract mark(revocation: BulkRevocation, after?: SessionCursor): Promise<Marked>;

  /** Notes how far it has been carried out, for whoever goes on. */
  abstract reach(revocation: BulkRevocation, last: SessionCursor): Promise<void>;

  /** Notes that all its rows are marked: forgets it, if it was the second time. */
  abstract finish(revocation: BulkRevocation): Promise<void>;
}
