import type { TokenFlaw } from './refresh-token.js';
import type { UnavailablePart } from './unavailable.js';

/**
 * Why a request is refused: the closed list. Every contract maps all of them to errors of its own (checked by the
 * compiler), so adding a reason here shows each place that must learn to say it.
 */
export type RefusalReason =
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
  /** A disowned token: the session is ended for whoever holds it (RFC 9700 section 4.14.2). */
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

/**
 * What the operator must know of a refusal beyond its reason: the closed list. Logged and counted, never sent: to who
 * tries tokens out it would say how near they are.
 */
export type RefusalDetail =
  | TokenFlaw
  | UnavailablePart
  /**
   * A token of another system (LEGACY_TOKENS): none of that kind was imported; or it says itself that it has expired.
   */
  | 'legacy_unknown'
  /** The issuer of before, asked at its token endpoint, takes it for none. */
  | 'legacy_refused'
  | 'legacy_expired'
  /** expired: which of its deadlines the session is past. */
  | 'absolute_deadline'
  | 'idle_deadline'
  /**
   * reused: the parent, after its windows or since a successor came inside them; a younger sibling of the
   * token that was exchanged last; or one older than that, be it a sibling or not.
   */
  | 'parent_late'
  | 'parent_disowned'
  | 'sibling_disowned'
  | 'two_behind'
  /** wrong_client: none was authenticated, the session is no client's, or it is another client's. */
  | 'client_absent'
  | 'client_unbound'
  | 'client_other'
  /** wrong_proof: none came, it is of another key, or an access token that came along is of another session. */
  | 'proof_absent'
  | 'proof_other_key'
  | 'access_token_other_session'
  /** A proof of possession (RFC 9449 section 4.3): what of it is wrong. */
  | 'dpop_absent'
  | 'dpop_malformed'
  | 'dpop_htm'
  | 'dpop_htu'
  | 'dpop_nonce'
  | 'dpop_iat'
  | 'dpop_jti'
  | 'dpop_replayed'
  /** A client that could not be authenticated: what failed. */
  | 'client_unknown'
  | 'client_auth_method'
  | 'client_secret'
  | 'client_assertion'
  /** origin_not_allowed: which rule said no. */
  | 'sec_fetch_site'
  | 'origin_header'
  | 'preflight'
  /** rate_limited: whose limit it was. */
  | 'address_limit'
  | 'service_key_limit'
  | 'session_limit'
  | 'unknown_token_limit';

/** Something wrong with a request, and where. */
export interface Flaw {
  readonly in: 'body' | 'query' | 'cookie' | 'header' | 'path';
  /** The member, parameter, cookie or header; absent if it is the whole of it. */
  readonly name?: string;
  /** A sentence. Never quotes a value, which may be a token. */
  readonly message: string;
}

/** A refusal with what goes along: some for the client, some only for the operator. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** For the client: what is wrong with the request. */
  readonly flaws?: readonly Flaw[];
  /** For the client: seconds after which a retry makes sense. */
  readonly retryAfter?: number;
  /** For the operator only, as all that follows. */
  readonly detail?: RefusalDetail;
  readonly sessionId?: string;
  /** Whose session it is, and which client's, where that may point at an attack. */
  readonly subject?: string;
  readonly clientId?: string;
  /** The client that presented the token, if one was authenticated. */
  readonly presenter?: string;
}

/** What an operation gives: a value, or an expected refusal. An exception is neither; it is a surprise. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** An outcome that succeeded. */
export function accept<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** An outcome that was refused for `reason`. */
export function refuse(reason: RefusalReason, more: Omit<Refusal, 'reason'> = {}): Outcome<never> {
  return { ok: false, refusal: { reason, ...more } };
}
