import type { ApiErrorDto } from './api-error.dto.js';
import { sentencesByField, type ErrorReply } from './error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from './http-refusal.js';

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, code: string, message: string]>> =
  {
    missing_token: [401, 'MISSING_TOKEN', 'No refresh token was sent'],
    malformed_token: [401, 'MALFORMED_TOKEN', 'This is not a refresh token of this service'],
    unknown_session: [401, 'UNKNOWN_SESSION', 'There is no such session'],
    expired: [401, 'EXPIRED', 'The session has expired'],
    revoked: [401, 'REVOKED', 'The session was ended'],
    reused: [401, 'REUSED', 'The refresh token was used before, so its session was ended'],
    wrong_client: [401, 'WRONG_CLIENT', 'The refresh token belongs to another client'],
    wrong_proof: [401, 'WRONG_PROOF', 'The proof of possession does not fit the session'],
    invalid_request: [400, 'BAD_REQUEST', 'Validation failed'],
    origin_not_allowed: [403, 'ORIGIN_NOT_ALLOWED', 'Pages of this origin may not use the cookie'],
    unsupported_media_type: [415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json'],
    rate_limited: [429, 'RATE_LIMITED', 'Too many requests; try again later'],
    unavailable: [503, 'UNAVAILABLE', 'The service cannot answer just now; try again'],
    not_found: [404, 'NOT_FOUND', 'There is nothing at this path'],
    method_not_allowed: [405, 'METHOD_NOT_ALLOWED', 'This path does not know this method'],
    request_timeout: [408, 'REQUEST_TIMEOUT', 'The request took too long to arrive'],
    payload_too_large: [413, 'PAYLOAD_TOO_LARGE', 'The request is too large'],
    internal_error: [500, 'INTERNAL_ERROR', 'Something went wrong on our side'],
  };

/** Every reason that there is. */
export const HTTP_REFUSAL_REASONS = Object.keys(ERRORS) as readonly HttpRefusalReason[];

/** The service's own errors: `{message, code, details}`. PLEC's are the same. */
export function defaultErrors({ reason, flaws }: HttpRefusal): ErrorReply {
  const [status, code, message] = ERRORS[reason];
  const body: ApiErrorDto = { message, code, ...(flaws && { details: sentencesByField(flaws) }) };
  return { status, body };
}
