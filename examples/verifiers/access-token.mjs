// Verifies access tokens of Ratchet (RFC 9068) with jose: the file to copy, for Node, Deno, Bun, Workers.
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';

/** The keys cannot be had just now, which says nothing of the token: answer 503. A 401 would have the frontend refresh. */
export class KeysUnavailable extends Error {
  name = 'KeysUnavailable';
}

/**
 * Makes a function that gives the claims of a good access token; undefined if it is none.
 * The function throws KeysUnavailable if it has no keys and can get none.
 *
 * @param {object} options
 * @param {string} options.url where the service is
 * @param {string} options.issuer the service's ISSUER, to the letter
 * @param {string} options.audience the service's AUDIENCE, or what the sessions are opened with
 * @param {number} [options.cooldown] seconds from one question for the keys to the next
 * @param {number} [options.lifespan] seconds until keys are asked for again
 * @returns {(token: string) => Promise<import('jose').JWTPayload | undefined>}
 */
export function accessTokenVerifier({ url, issuer, audience, cooldown = 30, lifespan = 300 }) {
  const keys = ratchetKeys(new URL('/.well-known/jwks.json', url), cooldown * 1000, lifespan * 1000);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['ES256'],
        typ: 'at+jwt',
        issuer,
        audience,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: 5,
      });
      // Bound to a key (RFC 9449): without a proof of that key, it may have been stolen.
      return payload.cnf ? undefined : payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** As jose's; but while the service is down they go on with what they have, where jose's give up once that is old. */
function ratchetKeys(url, cooldown, lifespan) {
  const remote = createRemoteJWKSet(url, {
    cooldownDuration: cooldown,
    cacheMaxAge: lifespan,
    timeoutDuration: 3000,
  });
  let known;
  let askAgainAt = 0;
  return async (header, token) => {
    if (Date.now() >= askAgainAt) {
      try {
        return await remote(header, token);
      } catch (error) {
        if (isOfTheToken(error)) throw error;
        known = remote.jwks() && createLocalJWKSet(remote.jwks());
        askAgainAt = Date.now() + (known ? cooldown : Math.min(cooldown, 1000));
      }
    }
    if (!known) throw new KeysUnavailable(`no keys from ${url}`);
    return known(header, token);
  };
}

function isOfTheToken(error) {
  if (error instanceof errors.JWKSTimeout || error?.code === 'ERR_JOSE_GENERIC') return false;
  return error instanceof errors.JOSEError;
}
