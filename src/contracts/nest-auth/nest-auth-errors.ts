import type { ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import type { NestAuthErrorDto } from './nest-auth.dto.js';

// The contract knows two codes for a token. Others are of its client's list where that has one.
const INVALID = 'REFRESH_TOKEN_INVALID';

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, code: string, message: string]>> =
  {
    missing_token: [401, INVALID, 'No refresh token was sent'],
    malformed_token: [401, INVALID, 'This is not a refresh token of this service'],
    unknown_session: [401, INVALID, 'There is no such session'],
    expired: [401, 'REFRESH_TOKEN_EXPIRED', 'The session has expired'],
    revoked: [401, INVALID, 'The session was ended'],
    reused: [401, INVALID, 'The refresh token was used before, so its session was ended'],
    wrong_client: [401, INVALID, 'The refresh token belongs to another client'],
    wrong_proof: [401, INVALID, 'The proof of possession does not fit the session'],
    invalid_request: [400, 'INVALID_INPUT', 'The request is not valid'],
    origin_not_allowed: [403, 'CSRF_ORIGIN_REJECTED', 'Pages of this origin may not use the cookie'],
    unsupported_media_type: [415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json'],
    rate_limited: [429, 'RATE_LIMITED', 'Too many requests; try again later'],
    unavailable: [503, 'UNAVAILABLE', 'The service cannot answer just now; try again'],
    not_found: [404, 'NOT_FOUND', 'There is nothing at this path'],
    method_not_allowed: [405, 'METHOD_NOT_ALLOWED', 'This path does not know this method'],
    request_timeout: [408, 'REQUEST_TIMEOUT', 'The request took too long to arrive'],
    payload_too_large: [413, 'PAYLOAD_TOO_LARGE', 'The request is too large'],
    internal_error: [500, 'INTERNAL_ERROR', 'Something went wrong on our side'],
  };

/** The nest-auth errors: `{message, code}`. The message of a bad request says what is wrong with it. */
export function nestAuthErrors({ reason, flaws = [] }: HttpRefusal): ErrorReply {
  const [status, code, message] = ERRORS[reason];
  const body: NestAuthErrorDto = { message: flaws.map((flaw) => flaw.message).join('; ') || message, code };
  return { status, body };
}
