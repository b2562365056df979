import type { Flaw } from '../../core/refusal.js';
import { sentencesByField, type ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import type { AkinonErrorDto, AkinonValidationErrorDto } from './akinon.dto.js';

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, sentence: string]>> = {
  missing_token: [400, 'refreshToken should not be empty'],
  malformed_token: [401, 'This is not a refresh token of this service'],
  unknown_session: [401, 'There is no such session'],
  expired: [401, 'The session has expired'],
  revoked: [401, 'The session was ended'],
  reused: [401, 'The refresh token was used before, so its session was ended'],
  wrong_client: [401, 'The refresh token belongs to another client'],
  wrong_proof: [401, 'The access token that came along is not of the session of the refresh token'],
  invalid_request: [400, 'The request is not valid'],
  origin_not_allowed: [403, 'Pages of this origin may not use the cookie'],
  unsupported_media_type: [415, 'The body must be application/json'],
  rate_limited: [429, 'Too many requests; try again later'],
  unavailable: [503, 'The service cannot answer just now; try again'],
  not_found: [404, 'There is nothing at this path'],
  method_not_allowed: [405, 'This path does not know this method'],
  request_timeout: [408, 'The request took too long to arrive'],
  payload_too_large: [413, 'The request is too large'],
  internal_error: [500, 'Something went wrong on our side'],
};

const MISSING: Flaw = { in: 'body', name: 'refreshToken', message: ERRORS.missing_token[1] };

/** The Akinon errors: `{validationError}` with sentences by field for a 400, else `{apiError}` with one sentence. */
export function akinonErrors({ reason, flaws }: HttpRefusal): ErrorReply {
  const [status, sentence] = ERRORS[reason];
  if (status === 400) {
    const body: AkinonValidationErrorDto = { validationError: sentencesByField(flaws ?? [MISSING]) };
    return { status, body };
  }
  const body: AkinonErrorDto = { apiError: [sentence] };
  return { status, body };
}
