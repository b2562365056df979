import { OAuthError } from './oauth-error.js';

/** The parameters of a request to a token endpoint. */
export type Form = Readonly<Record<string, string>>;

/** A form as it was parsed: a parameter that came several times is a list. */
type Body = Readonly<Record<string, string | string[]>>;

/** No parameter but an access token needs more; a private_key_jwt assertion is the longest. */
const MAX_VALUE_CHARS = 8_192;

/**
 * The parameters of a form body: those without a value as if they had not been sent, unknown ones left in to be
 * ignored (RFC 6749 section 3.2).
 *
 * @param repeatable one that may come several times, and is left out
 * @throws OAuthError invalid_request if another came twice, or one is too long
 */
export function readParameters(body: unknown, repeatable?: string): Form {
  const entries = Object.entries((body ?? {}) as Body).filter(([name]) => name !== repeatable);
  const twice = entries.find(([, value]) => Array.isArray(value));
  if (twice) throw new OAuthError('invalid_request', 'A parameter was sent more than once');
  const long = entries.find(([name, value]) => name !== 'token' && value.length > MAX_VALUE_CHARS);
  if (long) throw new OAuthError('invalid_request', 'A parameter is too long');
  return Object.fromEntries(entries.filter(([, value]) => value !== '')) as Form;
}

/** The values of a parameter that may come several times, each once, but for empty ones. */
export function readRepeatable(body: unknown, name: string): readonly string[] {
  const values = (body as Body | undefined)?.[name] ?? [];
  return [...new Set([values].flat())].filter((value) => value !== '');
}
