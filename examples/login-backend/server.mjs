// A login backend: signs people in, shows them their devices, signs out those they choose. `npm start` runs it; see README.md.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { ratchetClient, RatchetError } from './ratchet.mjs';

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */

/**
 * Yours has password hashes here, passkeys, or an identity provider.
 *
 * @type {Record<string, { password: string, role: string }>}
 */
const PEOPLE = {
  ada: { password: 'lovelace', role: 'editor' },
  grace: { password: 'hopper', role: 'reader' },
};

/**
 * The server, not listening yet; and `changeRole`, for whatever administers people.
 *
 * @param {{ ratchetUrl: string, serviceKey: string, issuer: string, audience: string }} options
 *   `issuer` and `audience` as the service has them
 */
export function createLogin({ ratchetUrl, serviceKey, issuer, audience }) {
  const ratchet = ratchetClient({ url: ratchetUrl, serviceKey });
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', ratchetUrl));

  /** @param {Request} request @param {Response} response */
  async function signIn(request, response) {
    // A form of another site cannot send JSON: it signs nobody in here without their knowledge.
    if (request.headers['content-type'] !== 'application/json') return answer(response, 415);
    const { name, password } = Object(await json(request));
    const person = Object.hasOwn(PEOPLE, name) ? PEOPLE[name] : undefined;
    if (!person || person.password !== password)
      return answer(response, 403, { message: 'Name or password is wrong.' });

    // Who signs in again without having signed out would leave a session behind that nobody uses. Which it was, this cookie
    // says; Ratchet ends it only if it is the same person's.
    const replaces = /(?:^|; )last_session=([0-9a-f-]{36})/.exec(request.headers.cookie ?? '')?.[1];
    const { data } = await ratchet.POST('/sessions', {
      body: {
        subject: name,
        claims: { role: person.role },
        device: (request.headers['user-agent'] ?? 'unknown').slice(0, 100),
        amr: ['pwd'],
        ...(replaces && { replaces }),
      },
    });
    const { session, accessToken, setCookie = '' } = present(data);
    response.setHeader('set-cookie', [
      setCookie,
      `last_session=${session.id}; HttpOnly; SameSite=Strict; Path=/login; Max-Age=31536000`,
    ]);
    return answer(response, 200, { accessToken });
  }

  /** @param {Claims} claims @param {Response} response */
  async function devices({ sub, sid }, response) {
    const devices = [];
    /** @type {string | undefined} */
    let cursor;
    do {
      const { data } = await ratchet.GET('/sessions', {
        params: { query: { subject: sub, ...(cursor && { cursor }) } },
      });
      const { sessions, next } = present(data);
      for (const { id, device, createdAt, rotatedAt, status } of sessions)
        if (status === 'active')
          devices.push({ id, device, since: createdAt, lastSeen: rotatedAt, isThis: id === sid });
      cursor = next ?? undefined;
    } while (cursor);
    return answer(response, 200, { devices });
  }

  /** @param {Claims} claims @param {string} id @param {Response} response */
  async function signOutDevice({ sub }, id, response) {
    const path = { id };
    const { data } = await ratchet.GET('/sessions/{id}', { params: { path } });
    // The service key may end anybody's session; a person only their own.
    if (present(data).subject !== sub) return answer(response, 404);
    await ratchet.DELETE('/sessions/{id}', { params: { path } });
    return answer(response, 204);
  }

  /** @param {Claims} claims @param {Response} response */
  async function signOutElsewhere({ sub, sid }, response) {
    const { data } = await ratchet.DELETE('/sessions', { params: { query: { subject: sub, except: sid } } });
    return answer(response, 200, { signedOut: present(data).revoked });
  }

  /**
   * Changes the role in all sessions of a person: it is in their next access tokens.
   *
   * @param {string} name
   * @param {string | null} role null takes it away (RFC 7396); claims that are not named stay
   */
  async function changeRole(name, role) {
    const { data } = await ratchet.PATCH('/sessions', {
      params: { query: { subject: name } },
      body: { claims: { role } },
    });
    return present(data).amended;
  }

  /**
   * Whose request it is, by its access token.
   *
   * @typedef {{ sub: string, sid: string }} Claims
   * @param {Request} request
   * @returns {Promise<Claims | undefined>}
   */
  async function claimsOf(request) {
    const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    try {
      const options = { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'] };
      const { payload } = await jwtVerify(token, keys, options);
      return { sub: String(payload.sub), sid: String(payload['sid']) };
    } catch (error) {
      if (saysSomethingOfTheToken(error)) return undefined;
      throw new RatchetError(503, { message: 'no keys' }, '1');
    }
  }

  /** @param {Request} request @param {Response} response */
  async function route(request, response) {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const call = `${request.method} ${pathname}`;
    if (call === 'POST /login') return signIn(request, response);

    const claims = await claimsOf(request);
    if (!claims) return answer(response, 401);
    if (call === 'GET /devices') return devices(claims, response);
    if (call === 'DELETE /devices') return signOutElsewhere(claims, response);
    const [, id] = /^DELETE \/devices\/([0-9a-f-]{36})$/.exec(call) ?? [];
    return id ? signOutDevice(claims, id, response) : answer(response, 404);
  }

  const server = createServer((request, response) => {
    route(request, response).catch((error) => {
      if (error instanceof SyntaxError) return answer(response, 400);
      const { status, retryAfter } =
        error instanceof RatchetError ? error : { status: 500, retryAfter: null };
      if (status === 404) return answer(response, 404);
      // Nothing that Ratchet says to this server is of the visitor's making, but that it is busy.
      if (status !== 503 && status !== 429) console.error(error);
      if (retryAfter) response.setHeader('retry-after', retryAfter);
      return answer(response, retryAfter ? 503 : 500, { message: 'Please try again shortly.' });
    });
  });
  return { server, changeRole };
}

/**
 * What a 2xx brings; everything else has been thrown.
 *
 * @template T
 * @param {T | undefined} data
 * @returns {T}
 */
function present(data) {
  if (data === undefined) throw new Error('an answer without a body');
  return data;
}

/** @param {unknown} error */
function saysSomethingOfTheToken(error) {
  if (error instanceof errors.JWKSTimeout) return false;
  return error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
}

/** @param {Response} response @param {number} status @param {object} [body] */
function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(body && JSON.stringify(body));
}

/** @param {Request} request */
async function json(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { RATCHET_URL = 'http://localhost:3000', SERVICE_KEY, PORT = '4200' } = process.env;
  // The service's own settings of these names, if it has any.
  const { ISSUER = RATCHET_URL, AUDIENCE = ISSUER } = process.env;
  if (!SERVICE_KEY) throw new Error('Set SERVICE_KEY to a service key of Ratchet.');
  const options = { ratchetUrl: RATCHET_URL, serviceKey: SERVICE_KEY, issuer: ISSUER, audience: AUDIENCE };
  createLogin(options).server.listen(Number(PORT), '127.0.0.1', () =>
    console.log(`http://localhost:${PORT}`),
  );
}
