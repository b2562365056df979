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
  /** The highest number of a refresh token that was ever given out. */
  readonly generation: number;
  /** The generation whose exchange was the last; it may be exchanged again until one of its successors is used. */
  readonly parent: number;
  /** The generations above it, up to `generation`, are the successors of `parent`. None of them has been used. */
  readonly floor: number;
  /** Whether one of them was presented nevertheless: its parent is then good for the grace window alone. */
  readonly parentDisowned: boolean;
  /** When a refresh token was last exchanged; null before the first time. Both windows are anchored here. */
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

/** What of a session shows in its access tokens. */
export type Attested = Pick<
  Session,
  | 'id'
  | 'subject'
  | 'clientId'
  | 'scope'
  | 'audience'
  | 'claims'
  | 'amr'
  | 'acr'
  | 'authTime'
  | 'accessTokenTtl'
  | 'expiresAt'
  | 'idleExpiresAt'
>;

/** What of a session a refresh answers with: in the tokens, and beside them. */
export type Answered = Attested & Pick<Session, 'generation' | 'extras'>;

/** What ended a session: `limit` is that of its subject's sessions. */
export type RevokedBy = 'logout' | 'reuse' | 'service' | 'limit';

/** A session, or that much of it, as the database saw it at `now`, on the database's clock. */
export interface Snapshot<Of extends Answered = Session> {
  readonly session: Of;
  readonly now: Date;
}

/** Which of its deadlines the session is past, if any. */
export function deadlinePassed({
  session,
  now,
}: Snapshot): 'absolute_deadline' | 'idle_deadline' | undefined {
  if (now >= session.expiresAt) return 'absolute_deadline';
  return now >= session.idleExpiresAt ? 'idle_deadline' : undefined;
}

/** Which of its deadlines comes first. */
export function firstDeadline({ expiresAt, idleExpiresAt }: Attested): 'absolute_deadline' | 'idle_deadline' {
  return expiresAt <= idleExpiresAt ? 'absolute_deadline' : 'idle_deadline';
}

/** Whether the session is past its absolute or its idle deadline. */
export function isExpired(snapshot: Snapshot): boolean {
  return deadlinePassed(snapshot) !== undefined;
}

/** Whether the session is neither ended nor past a deadline. */
export function isLive(snapshot: Snapshot): boolean {
  return snapshot.session.revokedAt === null && !isExpired(snapshot);
}

/**
 * Whether a refresh now moves the idle deadline by more than a minute, or by more than a quarter of what the session
 * may be idle: often enough that no active session runs into it, and seldom enough that hardly any refresh writes.
 */
export function isTouchDue({ session, now }: Snapshot): boolean {
  const { expiresAt, idleExpiresAt, idleTtl } = session;
  const next = Math.min(expiresAt.getTime(), now.getTime() + idleTtl * 1000);
  return next - idleExpiresAt.getTime() > Math.min(60_000, idleTtl * 250);
}

/** Whether the session is that client's alone. */
export function isBoundTo({ clientBound, clientId }: Session, client: string): boolean {
  return clientBound && clientId === client;
}
