import { OAuthError } from './oauth-error.js';

/** The parameters of a request to a token endpoint. */
export type Form = Readonly<Record<string, string>>;

/** No parameter that is known here needs more; a private_key_jwt assertion is the longest. */
const MAX_VALUE_CHARS = 8_192;

/**
 * The parameters of a form body: those without a value as if they had not been sent, unknown ones left in to be
 * ignored (RFC 6749 section 3.2).
 *
 * @throws OAuthError invalid_request if a parameter came twice
 */
export function readParameters(body: unknown): Form {
  const entries = Object.entries((body ?? {}) as Record<string, string | string[]>);
  const twice = entries.find(([, value]) => Array.isArray(value));
  if (twice) throw new OAuthError('invalid_request', 'A parameter was sent more than once');
  const long = entries.find(([, value]) => value.length > MAX_VALUE_CHARS);
  if (long) throw new OAuthError('invalid_request', 'A parameter is too long');
  return Object.fromEntries(entries.filter(([, value]) => value !== '')) as Form;
}
