import type { Session, Snapshot } from '../core/session.js';
import type { Amending, Opening, Revoking } from '../core/session-event.js';

/** What a session is opened with; the database adds its times. Lifetimes in seconds. */
export type NewSession = Pick<
  Session,
  | 'id'
  | 'subject'
  | 'clientId'
  | 'scope'
  | 'audience'
  | 'claims'
  | 'device'
  | 'amr'
  | 'acr'
  | 'idleTtl'
  | 'accessTokenTtl'
  | 'clientBound'
  | 'dpopJkt'
  | 'extras'
> & {
  /** From now to the absolute deadline. */
  readonly maxTtl: number;
  /** When the subject signed in; now if absent. */
  readonly authTime?: Date;
  /** The session whose place it takes, and which ends with its opening if it is the same subject's. */
  readonly replaces?: string;
  /** What its history begins with. */
  readonly event: Opening;
};

/** What a login backend may change of a session. */
export type SessionChange = Partial<Pick<Session, 'claims' | 'scope'>>;

/** Where a page of a list ends: sessions are listed by creation, newest first. */
export interface SessionCursor {
  readonly createdAt: Date;
  readonly id: string;
}

/** Whose sessions are ended: a subject's, those that name a client id (bound to that client or not), or all. */
export type Whose = { readonly subject: string } | { readonly clientId: string } | 'everybody';

/** How a subject's sessions are kept few. */
export interface SessionLimit {
  /** How many of one client may live. */
  readonly most: number;
  /** The session that makes them too many: it stays, unless later ones do the same. */
  readonly newest: Pick<Session, 'id' | 'subject' | 'clientId' | 'createdAt'>;
}

/** Which of them are not. */
export interface Spared {
  /** Those that were opened after this time; if it is absent, after now. */
  readonly before?: Date | undefined;
  /** The one of this id. */
  readonly except?: string | undefined;
}

/** What came of ending many sessions. */
export interface Ended {
  /** How many rows tell so. */
  readonly revoked: number;
  /** Whether others are still to follow: all sessions are ended, whether their rows tell so or not. */
  readonly pending: boolean;
}

/** How the walk over all sessions goes. Times are in milliseconds, unless it is said. */
export interface Walk {
  /** How many sessions are looked at in a statement. */
  readonly page: number;
  /** How long after its deadline a session is deleted, in seconds. */
  readonly retention: number;
  /** The least from one statement to the next that any replica makes, where the first one has deleted something, and where not. */
  readonly afterDeleting: number;
  readonly afterLooking: number;
  /** The least from the end of a walk to the next one. */
  readonly between: number;
}

/** What came of a step of the walk. */
export interface Swept {
  /** Whether it was made: not before its time, nor while another replica makes one. */
  readonly made: boolean;
  /** Whether the walk has come to its end with it. */
  readonly over: boolean;
  readonly deleted: number;
  /** What the last walk met that came to its end; null before there was one. */
  readonly met: Met | null;
}

/** What a walk met. */
export interface Met {
  readonly finishedAt: Date;
  /** How many live: those of a bulk revocation whose rows are not marked yet included. */
  readonly live: number;
  /** How many of these have a token of the system before that has not been used yet. */
  readonly unused: number;
}

/**
 * What login backends and support ask of the database. Every verb throws Unavailable if the database does not
 * answer in time.
 */
export abstract class SessionRegistry {
  /** Inserts a session. */
  abstract open(session: NewSession): Promise<Snapshot>;

  /** Up to `limit` sessions of a subject, newest first, ended ones included, from after `cursor`. */
  abstract list(subject: string, limit: number, cursor?: SessionCursor): Promise<Snapshot[]>;

  /** Of these, those that live. */
  abstract listLive(subject: string, limit: number, cursor?: SessionCursor): Promise<Snapshot[]>;

  /** Changes a session that is not ended; undefined if there is none, or if its claims are no longer `from`. */
  abstract amend(
    id: string,
    change: SessionChange,
    event: Amending,
    from?: Session['claims'],
  ): Promise<Snapshot | undefined>;

  /** Ends live sessions, however many they are; undefined if `before` is later than now. */
  abstract revokeAll(whose: Whose, event: Revoking, spared?: Spared): Promise<Ended | undefined>;

  /** Ends those of a subject's sessions of one client that are too many: the longest unused; how many they were. */
  abstract limit(limit: SessionLimit): Promise<number>;

  /**
   * Deletes up to `limit` sessions of a subject, whether they live or not, and as many events of its history; how many
   * rows they were, 0 when nothing is left.
   */
  abstract forget(subject: string, limit: number): Promise<number>;

  /** Goes a step further on the walk over all sessions, which all replicas share, if it is time for one. */
  abstract sweep(walk: Walk): Promise<Swept>;
}
