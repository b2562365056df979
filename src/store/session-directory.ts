import type { Session, Snapshot } from '../core/session.js';

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
};

/** What a login backend may change of a session. */
export type SessionChange = Partial<Pick<Session, 'claims' | 'scope'>>;

/** Where a page of a list ends: sessions are listed by creation, newest first. */
export interface SessionCursor {
  readonly createdAt: Date;
  readonly id: string;
}

/**
 * What login backends and support ask of the database. Every verb throws StoreUnavailable if the database does not
 * answer in time.
 */
export abstract class SessionDirectory {
  /** Inserts a session. */
  abstract open(session: NewSession): Promise<Snapshot>;

  /** Up to `limit` sessions of a subject, newest first, ended ones included, from after `cursor`. */
  abstract list(subject: string, limit: number, cursor?: SessionCursor): Promise<Snapshot[]>;

  /** Changes a session that is not ended; undefined if there is none. */
  abstract amend(id: string, change: SessionChange): Promise<Snapshot | undefined>;

  /** Ends the live sessions of a subject, all but `except`; how many they were. */
  abstract revokeAll(subject: string, except?: string): Promise<number>;

  /**
   * Looks at the next `limit` sessions after the id `after` and deletes those that have been dead for a day. Gives the
   * last id looked at, undefined at the end, and how many were deleted.
   */
  abstract sweep(limit: number, after?: string): Promise<{ last: string | undefined; deleted: number }>;
}
