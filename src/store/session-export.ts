import type { Session } from '../core/session.js';

/** A session as it goes from one deployment to another: its row as it stands, with times as in RFC 3339. */
export interface ExportedSession extends Omit<
  Session,
  | 'authTime'
  | 'createdAt'
  | 'expiresAt'
  | 'idleExpiresAt'
  | 'rotatedAt'
  | 'revokedAt'
  | 'revokedBy'
  | 'parent'
  | 'floor'
  | 'parentDisowned'
> {
  readonly authTime: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly idleExpiresAt: string;
  readonly rotatedAt: string | null;
  /** Null unless a token or its parent was exchanged more than once, as in the row. */
  readonly parent: number | null;
  readonly floor: number | null;
  readonly siblingsAt: number | null;
  readonly parentDisowned: boolean | null;
  /** How tokens of the system before that are recognised, in hexadecimal, and when they were used. */
  readonly legacyTokens: readonly { readonly lookup: string; readonly usedAt: string | null }[];
}

/** Gives sessions away, and takes them in from a deployment that has the same refresh token keys. */
export abstract class SessionExport {
  /**
   * The next live sessions after the id `after`, at most `limit`, in the order of ids; none at the end.
   *
   * @throws Unavailable if the database does not answer in time
   */
  abstract page(limit: number, after?: string): Promise<readonly ExportedSession[]>;

  /**
   * Takes sessions in, in one statement: all, or none. One that is there stays, unless what comes has been refreshed since.
   *
   * @returns how many were written
   * @throws Unavailable if the database does not answer in time
   */
  abstract restore(sessions: readonly ExportedSession[]): Promise<number>;
}
