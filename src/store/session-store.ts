import type { RefreshPolicy } from '../core/policy.js';
import type { RevokedBy, Snapshot } from '../core/session.js';
import { saidBy } from './outage.js';

/**
 * What the rotation engine asks of the database: each verb touches one row in one statement, and
 * each change is a compare-and-set, so that nothing is locked between two statements and replicas need not know of each
 * other.
 *
 * Every verb throws StoreUnavailable if the database does not answer in time.
 */
export abstract class SessionStore {
  /**
   * Turns the session from `generation` to the next and moves its idle deadline, if it is at `generation`, alive,
   * outside its grace window and the presenter's. Gives the session after it, or undefined if it is not so.
   */
  abstract rotate(id: string, generation: number, policy: RefreshPolicy): Promise<Snapshot | undefined>;

  /**
   * As rotate, in one statement with others that ask at the same time, and without waiting: undefined also while
   * another transaction holds the session.
   */
  abstract tryRotate(id: string, generation: number, policy: RefreshPolicy): Promise<Snapshot | undefined>;

  /** Sets a session that is behind `generation` to it, and starts its grace window; undefined if it is not so. */
  abstract fastForward(id: string, generation: number): Promise<Snapshot | undefined>;

  /**
   * Moves the idle deadline of a live session at `generation`; undefined if it is not so, or if the deadline was
   * moved within the last minute, or the last quarter of what the session may be idle.
   */
  abstract touch(id: string, generation: number): Promise<Snapshot | undefined>;

  /** The session and the database's time. */
  abstract find(id: string): Promise<Snapshot | undefined>;

  /** Ends the session; false if it was ended before or is not there. */
  abstract revoke(id: string, by: RevokedBy): Promise<boolean>;
}

/** The database does not answer, or not in time. Says nothing of the session: the same request may be sent again. */
export class StoreUnavailable extends Error {
  constructor(cause: unknown) {
    const why = typeof cause === 'string' ? cause : saidBy(cause);
    super(`The database does not answer${why && `: ${why}`}`, { cause });
    this.name = 'StoreUnavailable';
  }
}
