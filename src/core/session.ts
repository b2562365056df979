/** One sign-in of one subject on one device: one row of the database. All times are the database's clock. */
export interface Session {
  /** UUID; a one-way function of the handle in the session's refresh tokens. */
  readonly id: string;
  /** Whose session it is: the `sub` of its access tokens. */
  readonly subject: string;
  /** The `client_id` of its access tokens (RFC 9068 section 2.2). */
  readonly clientId: string;
  /** Space-separated scope values (RFC 6749 section 3.3), or null. */
  readonly scope: string | null;
  /** The `aud` of its access tokens; empty for the configured one. */
  readonly audience: readonly string[];
  /** Further claims of its access tokens. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the login backend calls the device: shown to people, never compared. */
  readonly device: string | null;
  /** Authentication methods at sign-in (RFC 8176). */
  readonly amr: readonly string[];
  /** Authentication context class at sign-in, or null. */
  readonly acr: string | null;
  /** When the subject signed in. */
  readonly authTime: Date;
  readonly createdAt: Date;
  /** The absolute deadline. Never moves. */
  readonly expiresAt: Date;
  /** The idle deadline. Every rotation moves it, never past the absolute one. */
  readonly idleExpiresAt: Date;
  /** How far a rotation moves the idle deadline, in seconds. */
  readonly idleTtl: number;
  /** How long its access tokens live, in seconds. */
  readonly accessTokenTtl: number;
  /** How often it was rotated. */
  readonly generation: number;
  /** When it was last rotated; null before the first time. The grace window is anchored here and does not slide. */
  readonly rotatedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: RevokedBy | null;
  /** Whether only its client, authenticated, may refresh it. */
  readonly clientBound: boolean;
  /** The thumbprint (RFC 7638) of the key that must prove possession at every refresh, or null. */
  readonly dpopJkt: string | null;
  /** What the login backend gave for a contract to answer beside the tokens. */
  readonly extras: Readonly<Record<string, unknown>>;
}

/** What ended a session. */
export type RevokedBy = 'logout' | 'reuse' | 'service';

/** A session as the database saw it at `now`, on the database's clock. */
export interface Snapshot {
  readonly session: Session;
  readonly now: Date;
}

/** Whether the session is past its absolute or its idle deadline. */
export function isExpired({ session, now }: Snapshot): boolean {
  return now >= session.expiresAt || now >= session.idleExpiresAt;
}

/** Whether the session is that client's alone. */
export function isBoundTo({ clientBound, clientId }: Session, client: string): boolean {
  return clientBound && clientId === client;
}
