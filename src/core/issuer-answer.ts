import { MAX_CLAIMS_BYTES } from './access-token.js';
import { objectIn } from './jwt-part.js';
import { isText } from './one-line.js';
import { SCOPE } from './scope.js';

/** What of an issuer's tokens goes into a session: our name of a claim, and theirs. */
export interface ClaimsMapping {
  /** The claim that names the subject. */
  readonly subject: string;
  readonly claims: ReadonlyMap<string, string>;
}

/** Whom a token was of, by the answer that it was redeemed for. */
export interface Redeemed {
  readonly subject: string;
  readonly scope: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  /** When they signed in, if the issuer says so; as in RFC 3339. */
  readonly authTime: string | null;
}

/**
 * Reads the answer of a token endpoint (RFC 6749 section 5.1): the claims of its ID token, or else of its access token. No
 * signature is checked: they come from the issuer itself, over TLS (OpenID Connect Core section 3.1.3.7, point 6).
 *
 * @returns undefined if it names no subject; without the claims that would make them too long together
 */
export function readIssuerAnswer(answer: unknown, mapping: ClaimsMapping): Redeemed | undefined {
  if (!isObject(answer)) return undefined;
  const tokens = [answer['id_token'], answer['access_token']].map(claimsIn);
  const claim = (name: string): unknown =>
    tokens.find((token) => token && Object.hasOwn(token, name))?.[name];
  const subject = claim(mapping.subject);
  if (!isText(subject)) return undefined;
  const { scope } = answer;
  const authTime = claim('auth_time');
  const claims = [...mapping.claims]
    .map(([ours, theirs]) => [ours, claim(theirs)] as const)
    .filter(([, value]) => isPlain(value));
  return {
    subject,
    scope: typeof scope === 'string' && SCOPE.test(scope) ? scope : null,
    claims: Object.fromEntries(
      claims.filter((_, at) => lengthOf(claims.slice(0, at + 1)) <= MAX_CLAIMS_BYTES),
    ),
    // Until the year 9999, which a column and RFC 3339 end with.
    authTime:
      Number.isSafeInteger(authTime) && Number(authTime) >= 0 && Number(authTime) < 253_402_300_800
        ? new Date(Number(authTime) * 1000).toISOString()
        : null,
  };
}

function lengthOf(claims: readonly (readonly [string, unknown])[]): number {
  return Buffer.byteLength(JSON.stringify(Object.fromEntries(claims)));
}

function claimsIn(jwt: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof jwt === 'string' ? objectIn(jwt.split('.')[1] ?? '') : undefined;
}

/** What may go into an access token as it is: texts, numbers and the like, and lists of them. */
function isPlain(value: unknown): boolean {
  if (Array.isArray(value))
    return value.length <= 100 && value.every((each) => !Array.isArray(each) && isPlain(each));
  return typeof value === 'string' ? isText(value) : ['number', 'boolean'].includes(typeof value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
