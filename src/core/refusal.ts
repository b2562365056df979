/**
 * Why a request is refused: the closed list. Every contract maps all of them to its own words (checked by the
 * compiler), so adding a reason here shows each place that must learn to say it.
 */
export type Refusal =
  /** No refresh token came, neither as a cookie nor in the body. */
  | 'missing_token'
  /** Not a refresh token of this service: foreign, forged, cut short, or an access token. */
  | 'malformed_token'
  /** The token is genuine, but its session is not in the database. */
  | 'unknown_session'
  /** The session is past its absolute or its idle deadline. */
  | 'expired'
  /** The session was ended: by a logout, by a login backend, or earlier by reuse. */
  | 'revoked'
  /** A superseded token after its grace window: the session is ended for whoever holds it (RFC 9700 section 4.14.2). */
  | 'reused'
  /** The session belongs to another client (RFC 6749 section 6). */
  | 'wrong_client'
  /** The proof of possession does not fit the session's key (RFC 9449). */
  | 'wrong_proof'
  /** The body, the query or the cookies are not what the contract asks for. */
  | 'invalid_request'
  /** A cookie-borne request from an origin that is not allowed. */
  | 'origin_not_allowed'
  /** The body is of a media type that the contract does not read. */
  | 'unsupported_media_type'
  /** Too many requests from this address or for this session. */
  | 'rate_limited'
  /** The store does not answer. Never said as a 401: no frontend may log its user out because a database restarts. */
  | 'unavailable';

/** Something wrong with a request, and where. */
export interface Flaw {
  readonly in: 'body' | 'query' | 'cookie' | 'header' | 'path';
  /** The member, parameter, cookie or header; absent if it is the whole of it. */
  readonly name?: string;
  /** A sentence. Never quotes a value, which may be a token. */
  readonly message: string;
}

/** A refusal with what goes along: some for the client, some only for the operator. */
export interface Refused {
  readonly reason: Refusal;
  /** For the client: what is wrong with the request. */
  readonly flaws?: readonly Flaw[];
  /** For the client: seconds after which a retry makes sense. */
  readonly retryAfter?: number;
  /** For the operator's log only. */
  readonly sessionId?: string;
}

/** What an operation gives: a value, or an expected refusal. An exception is neither; it is a surprise. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refused: Refused };

/** An outcome that succeeded. */
export function accept<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** An outcome that was refused for `reason`. */
export function refuse(reason: Refusal, more: Omit<Refused, 'reason'> = {}): Outcome<never> {
  return { ok: false, refused: { reason, ...more } };
}
