import type { RefreshPolicy } from '../core/policy.js';
import type { Answered, Snapshot } from '../core/session.js';
import type { EventOf, Revoking } from '../core/session-event.js';

/**
 * What the rotation engine asks of the database: each verb touches one row in one statement, and
 * each change is a compare-and-set, so that nothing is locked between two statements and replicas need not know of each
 * other. Where one is more than an ordinary refresh, the same statement has the session's history tell `event` of it.
 *
 * Every verb throws Unavailable if the database does not answer in time.
 */
export abstract class SessionStore {
  /**
   * Uses `generation`: turns the session to its next one, moves its idle deadline and binds it to the presenter's key
   * if that is to be, where `generation` is an unused successor, and the session alive, outside its grace window and
   * the presenter's. Gives what a refresh answers with of the session after it, or undefined if it is not so.
   */
  abstract rotate(
    id: string,
    generation: number,
    policy: RefreshPolicy,
  ): Promise<Snapshot<Answered> | undefined>;

  /**
   * As rotate, in one statement with others that ask at the same time, and without waiting: undefined also while
   * another transaction holds the session.
   */
  abstract tryRotate(
    id: string,
    generation: number,
    policy: RefreshPolicy,
  ): Promise<Snapshot<Answered> | undefined>;

  /**
   * Turns a live session at `generation` to the next, which is one more successor of the parent that the session has,
   * and moves its idle deadline; undefined if it is not so.
   */
  abstract recover(
    id: string,
    generation: number,
    event: EventOf<'recovered'>,
  ): Promise<Snapshot | undefined>;

  /**
   * Disowns the parent of a live session at `generation`, but for its grace window, and moves its idle deadline;
   * undefined if it is not so.
   */
  abstract disownParent(id: string, generation: number): Promise<Snapshot | undefined>;

  /** Binds a live session that has no key to the one of thumbprint `jkt`; undefined if it is not so. */
  abstract bind(id: string, jkt: string): Promise<Snapshot | undefined>;

  /** Sets a session that is behind `generation` to it, and starts its grace window; undefined if it is not so. */
  abstract fastForward(
    id: string,
    generation: number,
    event: EventOf<'fast_forwarded'>,
  ): Promise<Snapshot | undefined>;

  /**
   * Moves the idle deadline of a live session at `generation`; undefined if it is not so, or if the deadline was
   * moved within the last minute, or the last quarter of what the session may be idle.
   */
  abstract touch(id: string, generation: number): Promise<Snapshot | undefined>;

  /** The session and the database's time. */
  abstract find(id: string): Promise<Snapshot | undefined>;

  /** Ends the session, and gives it; undefined if it was ended before or is not there. */
  abstract revoke(id: string, event: Revoking): Promise<Snapshot | undefined>;
}
