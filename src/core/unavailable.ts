/** What cannot answer just now. */
export type UnavailablePart =
  /** The database is away, too slow, or refuses what it is asked. */
  | 'database'
  /** More requests wait for the database than it can be hoped to answer in time. */
  | 'queue_full'
  /** The session was changed by others each time that a decision on it was to be written. */
  | 'session_contended'
  /** The client that a session was to be opened for was being removed. */
  | 'client_removed'
  /** The key ring has not been read yet, so nothing can be signed. */
  | 'key_ring_unread'
  /** The issuer whose tokens this service redeems does not answer, or not as it should. */
  | 'legacy_issuer';

const SENTENCES: Readonly<Record<UnavailablePart, string>> = {
  database: 'The database does not answer',
  queue_full: 'Too many requests wait for the database',
  session_contended: 'The session kept changing',
  client_removed: 'The client of the session was removed just now',
  key_ring_unread: 'The key ring has not been read yet',
  legacy_issuer: 'The issuer of before did not redeem the token',
};

/** Something does not answer, or not in time. Says nothing of the session: the same request may be sent again. */
export class Unavailable extends Error {
  /** @param said what is known of why, for the operator; names no secret */
  constructor(
    readonly what: UnavailablePart,
    said = '',
    cause?: unknown,
  ) {
    super(SENTENCES[what] + (said && `: ${said}`), { cause });
    this.name = 'Unavailable';
  }
}
