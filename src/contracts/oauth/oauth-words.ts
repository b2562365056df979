import type { Failed, Failure, Spoken } from '../../http/failure.js';
import { NO_CACHE, type OAuthErrorBody, type OAuthErrorCode } from './oauth-error.js';

// Every kind of bad token is said in the same words: why it is bad is the operator's to know.
const BAD_TOKEN = [400, 'invalid_grant', 'The refresh token is not valid for this client'] as const;

const WORDS: Readonly<
  Record<Failure, readonly [status: number, error: OAuthErrorCode, description: string]>
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
  payload_too_large: [413, 'invalid_request', 'The request is too large'],
  internal_error: [500, 'server_error', 'Something went wrong on our side'],
};

/** The words of RFC 6749 section 5.2. */
export function oauthWords({ reason, flaws }: Failed): Spoken {
  const [status, error, description] = WORDS[reason];
  const flaw = flaws?.[0];
  const body: OAuthErrorBody =
    flaw?.name === 'scope'
      ? { error: 'invalid_scope', error_description: flaw.message }
      : { error, error_description: flaw?.message ?? description };
  return { status, body, headers: NO_CACHE };
}
