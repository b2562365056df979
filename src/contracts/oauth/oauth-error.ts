import { ServiceError } from '../../http/service-error.js';

/** The error codes of RFC 6749 section 5.2, RFC 7009 section 2.2.1 and RFC 9449 sections 5 and 8. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
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

/** A request that the OAuth contract refuses by itself, before the engine is asked. */
export class OAuthError extends ServiceError {
  constructor(
    error: OAuthErrorCode,
    description: string,
    status = 400,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(status, { error, error_description: description } satisfies OAuthErrorBody, {
      ...NO_CACHE,
      ...headers,
    });
  }
}
