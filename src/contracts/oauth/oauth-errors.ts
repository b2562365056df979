import type { ErrorReply } from '../../http/errors/error-reply.js';
import type { HttpRefusal, HttpRefusalReason } from '../../http/errors/http-refusal.js';
import { NO_CACHE, type OAuthErrorBody, type OAuthErrorCode } from './oauth-error.js';

// Every kind of bad token is told alike: why it is bad is the operator's to know.
const BAD_TOKEN = [400, 'invalid_grant', 'The refresh token is not valid for this client'] as const;

const ERRORS: Readonly<
  Record<HttpRefusalReason, readonly [status: number, error: OAuthErrorCode, description: string]>
> = {
  missing_token: [400, 'invalid_request', 'The parameter refresh_token is missing'],
  malformed_token: BAD_TOKEN,
  unknown_session: BAD_TOKEN,
  expired: BAD_TOKEN,
  revoked: BAD_TOKEN,
  reused: BAD_TOKEN,
  wrong_client: BAD_TOKEN,
  wrong_proof: BAD_TOKEN,
  invalid_request: [400, 'invalid_request', 'The request is not valid'],
  origin_not_allowed: [403, 'invalid_request', 'Pages of this origin may not call this endpoint'],
  unsupported_media_type: [400, 'invalid_request', 'The body must be application/x-www-form-urlencoded'],
  rate_limited: [429, 'temporarily_unavailable', 'Too many requests; try again later'],
  unavailable: [503, 'temporarily_unavailable', 'The service cannot answer just now; try again'],
  not_found: [404, 'invalid_request', 'There is no endpoint at this path'],
  method_not_allowed: [405, 'invalid_request', 'This endpoint does not know this method'],
  request_timeout: [408, 'invalid_request', 'The request took too long to arrive'],
  payload_too_large: [413, 'invalid_request', 'The request is too large'],
  internal_error: [500, 'server_error', 'Something went wrong on our side'],
};

/** Parameters whose flaws have an error code of their own. */
const ERRORS_OF_PARAMETERS: Readonly<Record<string, OAuthErrorCode>> = {
  scope: 'invalid_scope',
  resource: 'invalid_target',
};

/** The errors of RFC 6749 section 5.2. */
export function oauthErrors({ reason, flaws }: HttpRefusal): ErrorReply {
  const [status, error, description] = ERRORS[reason];
  const flaw = flaws?.[0];
  const body: OAuthErrorBody = {
    error: ERRORS_OF_PARAMETERS[flaw?.name ?? ''] ?? error,
    error_description: flaw?.message ?? description,
  };
  return { status, body, headers: NO_CACHE };
}
