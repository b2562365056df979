import type { Flaw } from '../../core/refusal.js';
import type { ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import type { HttpErrorDto, HttpValidationErrorDto, ValidationErrorDto } from './watchr.dto.js';

// What made a refresh token bad is the operator's to know; that time has passed, its owner sees by the clock.
const BAD_TOKEN = [401, 'The refresh token is not valid; sign in again'] as const;

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, sentence: string]>> = {
  missing_token: [422, 'Field required'],
  malformed_token: BAD_TOKEN,
  unknown_session: BAD_TOKEN,
  expired: [401, 'The session has expired; sign in again'],
  revoked: BAD_TOKEN,
  reused: BAD_TOKEN,
  wrong_client: BAD_TOKEN,
  wrong_proof: BAD_TOKEN,
  invalid_request: [422, 'The request is not valid'],
  origin_not_allowed: [403, 'Pages of this origin may not use the cookie'],
  unsupported_media_type: [415, 'A body, if there is one, must be application/json'],
  rate_limited: [429, 'Too many requests; try again later'],
  unavailable: [503, 'The service cannot answer just now; try again'],
  not_found: [404, 'There is nothing at this path'],
  method_not_allowed: [405, 'This path does not know this method'],
  request_timeout: [408, 'The request took too long to arrive'],
  payload_too_large: [413, 'The request is too large'],
  internal_error: [500, 'Something went wrong on our side'],
};

/** What pydantic calls the errors that can be found at each place of a request. */
const TYPE_AT: Readonly<Record<Flaw['in'], string>> = {
  cookie: 'value_error',
  query: 'literal_error',
  body: 'json_invalid',
  header: 'value_error',
  path: 'value_error',
};

/** Watchr's errors, which are FastAPI's: a list of errors with status 422, else one sentence. */
export function watchrErrors({ reason, flaws }: HttpRefusal): ErrorReply {
  const [status, sentence] = ERRORS[reason];
  if (status !== 422) return { status, body: { detail: sentence } satisfies HttpErrorDto };
  const detail =
    reason === 'missing_token'
      ? [missing(flaws?.[0]?.name ?? 'refresh_token', sentence)]
      : (flaws ?? [{ in: 'body', message: sentence }]).map(errorOf);
  return { status, body: { detail } satisfies HttpValidationErrorDto };
}

function missing(cookie: string, msg: string): ValidationErrorDto {
  return { loc: ['cookie', cookie], msg, type: 'missing', input: null };
}

// Without `input`: what was sent instead may be a token.
function errorOf({ in: place, name, message }: Flaw): ValidationErrorDto {
  return { loc: name === undefined ? [place] : [place, name], msg: message, type: TYPE_AT[place] };
}
