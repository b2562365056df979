// Calls to the service, from this server alone: the browser never talks to it.
import { env } from '$env/dynamic/private';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const { RATCHET_URL = 'http://127.0.0.1:3000', SERVICE_KEY = '' } = env;
// The service's own settings of these names, if it has any.
const { ISSUER = RATCHET_URL, AUDIENCE = ISSUER } = env;

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
 * @param forwardedFor on whose behalf, for the service's limits: it must trust this server (TRUST_PROXY)
 * @throws Unavailable
 */
export function refresh(refreshToken: string, forwardedFor: string): Promise<Tokens | undefined> {
  const flight =
    flights.get(refreshToken) ??
    exchange(refreshToken, forwardedFor).finally(() => flights.delete(refreshToken));
  flights.set(refreshToken, flight);
  return flight;
}

async function exchange(refreshToken: string, forwardedFor: string): Promise<Tokens | undefined> {
  // A lost answer is asked for again at once: the service may have rotated, and gives the very same successor.
  const ask = () => post('/auth/refresh', { refreshToken }, { 'x-forwarded-for': forwardedFor });
  const response = await ask().catch(ask);
  if (response.status === 401) return undefined;
  return (await bodyOf(response)) as Tokens;
}

/**
 * Ends the session of a refresh token.
 *
 * @throws Unavailable if it could not be ended: it lives, and the page must not say that it does not
 */
export async function endSession(refreshToken: string, forwardedFor: string): Promise<void> {
  await bodyOf(await post('/auth/logout', { refreshToken }, { 'x-forwarded-for': forwardedFor }));
}

/**
 * Opens a session for a person who has signed in.
 *
 * @throws Unavailable
 */
export async function openSession(subject: string, claims: { name: string }): Promise<Tokens> {
  const response = await post('/sessions', { subject, claims }, { authorization: `Bearer ${SERVICE_KEY}` });
  return (await bodyOf(response)) as Tokens;
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

async function post(path: string, body: object, headers: Record<string, string>): Promise<Response> {
  try {
    return await fetch(RATCHET_URL + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
  } catch {
    throw new Unavailable(1);
  }
}

/** The answer's body, unless it is one that says no. */
async function bodyOf(response: Response): Promise<unknown> {
  if (response.status >= 500 || [408, 429].includes(response.status))
    throw new Unavailable(Number(response.headers.get('retry-after')) || 1);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}
