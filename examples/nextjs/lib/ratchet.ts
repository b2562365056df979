// Calls to the service, from this server alone: the browser never talks to it.
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const { RATCHET_URL = 'http://localhost:3000', SERVICE_KEY = '' } = process.env;
// The service's own settings of these names, if it has any.
const { ISSUER = RATCHET_URL, AUDIENCE = ISSUER } = process.env;

/** For how long a page waits for the service, in milliseconds. */
const PATIENCE = 5_000;

/** The codes of the 401s that say that a session is over. */
const OVER = ['MISSING_TOKEN', 'MALFORMED_TOKEN', 'UNKNOWN_SESSION', 'EXPIRED', 'REVOKED', 'REUSED'];

/** An access token and the refresh token that comes with it. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/** Who is signed in, as a verified access token says. */
export interface Claims {
  sub: string;
  sid: string;
  name: string;
  exp: number;
  iat: number;
}

/** The service cannot answer just now. Nobody is signed out. */
export class Unavailable extends Error {
  /** @param retryAfter seconds until it makes sense to ask again */
  constructor(readonly retryAfter: number) {
    super('The sign-in service does not answer.');
  }
}

const flights = new Map<string, Promise<Tokens | undefined>>();

/**
 * Exchanges a refresh token; undefined if its session has ended. Requests that bring the same one at once share one call.
 * Those that come a moment later are given the same successor by the service, within its ROTATION_GRACE.
 *
 * @param forwardedFor the request's X-Forwarded-For, for the service's limits: it must trust this server (TRUST_PROXY)
 * @throws Unavailable
 */
export function refresh(refreshToken: string, forwardedFor: string | null): Promise<Tokens | undefined> {
  const flight =
    flights.get(refreshToken) ??
    exchange(refreshToken, forwardedFor).finally(() => flights.delete(refreshToken));
  flights.set(refreshToken, flight);
  return flight;
}

async function exchange(refreshToken: string, forwardedFor: string | null): Promise<Tokens | undefined> {
  const answer = await post('/auth/refresh', { refreshToken }, forwarding(forwardedFor), 2);
  return answer.status === 401 && OVER.includes(answer.body.code ?? '') ? undefined : tokensOf(answer);
}

/**
 * Ends the session of a refresh token.
 *
 * @throws Unavailable if it could not be ended: it lives, and the page must not say that it does not
 */
export async function endSession(refreshToken: string, forwardedFor: string | null): Promise<void> {
  const answer = await post('/auth/logout', { refreshToken }, forwarding(forwardedFor), 2);
  if (answer.status !== 204) throw mistake(answer);
}

/**
 * Opens a session for a person who has signed in.
 *
 * @throws Unavailable
 */
export async function openSession(subject: string, claims: { name: string }): Promise<Tokens> {
  const headers = { authorization: `Bearer ${SERVICE_KEY}` };
  return tokensOf(await post('/sessions', { subject, claims }, headers));
}

const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', RATCHET_URL));

/**
 * What an access token says; undefined if it is not good (any more).
 *
 * @throws Unavailable if that cannot be said, for want of the keys
 */
export async function verify(accessToken: string): Promise<Claims | undefined> {
  try {
    const { payload } = await jwtVerify(accessToken, keys, {
      issuer: ISSUER,
      audience: AUDIENCE,
      typ: 'at+jwt',
    });
    return payload as unknown as Claims;
  } catch (error) {
    const { JOSEError, JWKSTimeout } = errors;
    const ofTheToken =
      error instanceof JOSEError && !(error instanceof JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC';
    if (ofTheToken) return undefined;
    throw new Unavailable(1);
  }
}

interface Answer {
  status: number;
  body: Partial<Tokens> & { code?: string; message?: string };
}

/**
 * The service's answer, whole.
 *
 * @param tries how often it is asked if its answer is lost: it may have rotated, and gives the very same successor then
 * @throws Unavailable
 */
async function post(path: string, body: object, headers: Record<string, string>, tries = 1): Promise<Answer> {
  const signal = AbortSignal.timeout(PATIENCE);
  let response, text;
  try {
    response = await fetch(RATCHET_URL + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      cache: 'no-store',
      signal,
    });
    text = await response.text();
  } catch {
    if (tries > 1 && !signal.aborted) return post(path, body, headers, tries - 1);
    throw new Unavailable(1);
  }
  const { status } = response;
  const answer = { status, body: status === 204 ? {} : parse(text) };
  // Without a code it is not the service's: a gateway's page, say, whose 401 says nothing of the session.
  if (status >= 500 || [408, 429].includes(status) || (!response.ok && answer.body.code === undefined))
    throw new Unavailable(Number(response.headers.get('retry-after')) || 1);
  return answer;
}

function parse(text: string): Answer['body'] {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function tokensOf(answer: Answer): Tokens {
  const { accessToken, refreshToken } = answer.body;
  if (!accessToken || !refreshToken) throw mistake(answer);
  return { accessToken, refreshToken };
}

/** A request that is wrong stays wrong: the code or a setting must be mended. */
function mistake({ status, body: { code, message } }: Answer): Error {
  return new Error(`The service answered ${status} ${code}: ${message}`);
}

function forwarding(forwardedFor: string | null): Record<string, string> {
  return forwardedFor === null ? {} : { 'x-forwarded-for': forwardedFor };
}
