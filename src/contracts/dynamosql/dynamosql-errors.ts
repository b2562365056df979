import type { ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import type { ApiResponseDto } from './dynamosql.dto.js';

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, code: string, message: string]>> =
  {
    missing_token: [400, 'MISSING_TOKEN', 'refreshToken is missing'],
    malformed_token: [401, 'MALFORMED_TOKEN', 'This is not a refresh token of this service'],
    unknown_session: [401, 'UNKNOWN_SESSION', 'There is no such session'],
    expired: [401, 'EXPIRED', 'The session has expired'],
    revoked: [401, 'REVOKED', 'The session was ended'],
    reused: [401, 'REUSED', 'The refresh token has been replaced, so its session was ended'],
    wrong_client: [401, 'WRONG_CLIENT', 'The refresh token belongs to another client'],
    wrong_proof: [401, 'WRONG_PROOF', 'The proof of possession does not fit the session'],
    invalid_request: [400, 'BAD_REQUEST', 'The request is not valid'],
    origin_not_allowed: [403, 'ORIGIN_NOT_ALLOWED', 'Pages of this origin may not send this cookie'],
    unsupported_media_type: [415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json'],
    rate_limited: [429, 'RATE_LIMITED', 'Too many requests; try again later'],
    unavailable: [503, 'UNAVAILABLE', 'The service cannot answer just now; try again'],
    not_found: [404, 'NOT_FOUND', 'There is nothing at this path'],
    method_not_allowed: [405, 'METHOD_NOT_ALLOWED', 'This path does not know this method'],
    request_timeout: [408, 'REQUEST_TIMEOUT', 'The request took too long to arrive'],
    payload_too_large: [413, 'PAYLOAD_TOO_LARGE', 'The request is too large'],
    internal_error: [500, 'INTERNAL_ERROR', 'Something went wrong on our side'],
  };

/** DynamoSQL's errors: one envelope for all answers. `requestId` is the one in the log and in X-Request-Id. */
export function dynamosqlErrors({ reason, flaws }: HttpRefusal, requestId: string): ErrorReply {
  const [status, code, sentence] = ERRORS[reason];
  // The envelope has no list: what is wrong with a request is all in the message.
  const message = flaws?.map((flaw) => flaw.message).join('; ') || sentence;
  const body: ApiResponseDto = { success: false, error: { message, code, requestId } };
  return { status, body };
}
