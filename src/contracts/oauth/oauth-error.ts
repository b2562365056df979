import type { RefusalDetail } from '../../core/refusal.js';
import { ApiException } from '../../http/errors/api.exception.js';

/** The error codes of RFC 6749 section 5.2, RFC 7009 section 2.2.1, RFC 8707 section 2 and RFC 9449 sections 5 and 8. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'temporarily_unavailable'
  | 'server_error';

/** The body of an error (RFC 6749 section 5.2). */
export interface OAuthErrorBody {
  readonly error: OAuthErrorCode;
  /** For the developer; never says more than the code of a bad token does. */
  readonly error_description: string;
}

/** What every answer of a token endpoint carries beside Cache-Control, which the server sets (RFC 6749 section 5.1). */
export const NO_CACHE = { pragma: 'no-cache' } as const;

/** What every 401 carries, whether the client used the header or not (RFC 9110 section 15.5.2). */
const CHALLENGE = { 'www-authenticate': 'Basic realm="ratchet"' } as const;

/** A request that the OAuth contract refuses by itself, before the engine is asked. */
export class OAuthError extends ApiException {
  constructor(
    error: OAuthErrorCode,
    description: string,
    status = 400,
    headers: Readonly<Record<string, string>> = {},
    detail?: RefusalDetail,
  ) {
    const body: OAuthErrorBody = { error, error_description: description };
    super(status, { ...body }, { ...NO_CACHE, ...(status === 401 && CHALLENGE), ...headers }, detail);
  }
}
