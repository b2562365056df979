import type { NewSession } from './session-registry.js';

/** A session of another system, and how its refresh token is recognised. Times that are absent are the database's now. */
export type ImportedSession = Omit<
  NewSession,
  'authTime' | 'clientBound' | 'dpopJkt' | 'replaces' | 'event'
> & {
  /** As legacyLookup makes it (src/core/legacy-token.ts), in hexadecimal. */
  readonly lookup: string;
  readonly authTime: string | null;
  readonly createdAt: string | null;
  readonly expiresAt: string | null;
  readonly idleExpiresAt: string | null;
};

/** Takes sessions of another system in. */
export abstract class SessionImport {
  /**
   * Inserts sessions with their tokens, in one statement: all, or none. A session whose token is there already is left as it
   * is. One whose `clientId` is a registered client is that client's alone.
   *
   * @returns the ids of those that were inserted
   * @throws Unavailable if the database does not answer in time
   */
  abstract add(sessions: readonly ImportedSession[]): Promise<ReadonlySet<string>>;
}
