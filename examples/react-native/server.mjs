// A login backend and a sample API, in one small server. `node server.mjs` runs it; see README.md.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

/** Yours has password hashes here, passkeys, or an identity provider. */
const PEOPLE = {
  ada: { password: 'lovelace', name: 'Ada Lovelace' },
  grace: { password: 'hopper', name: 'Grace Hopper' },
};

const ARRIVALS = [
  { ship: 'Northern Light', from: 'Bergen', berth: 'A2', due: '07:40' },
  { ship: 'Santa Clara', from: 'Vigo', berth: 'C1', due: '09:15' },
];

/**
 * The server, not listening yet.
 *
 * @param ratchetUrl where the service is
 * @param serviceKey what this server opens sessions with
 * @param issuer the service's ISSUER, and `audience` its AUDIENCE: which access tokens are for this API
 * @param otherwise answers what is neither the login nor the API
 */
export function createBackend({ ratchetUrl, serviceKey, issuer, audience, otherwise = notFound }) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', ratchetUrl));

  /** Checks who it is, opens a session, and hands both tokens to the app. */
  async function login(request, response) {
    const { name, password } = await json(request);
    const person = Object.hasOwn(PEOPLE, name) ? PEOPLE[name] : undefined;
    if (!person || person.password !== password)
      return answer(response, 403, { message: 'Name or password is wrong.' });
    const opened = await fetch(new URL('/sessions', ratchetUrl), {
      method: 'POST',
      headers: { authorization: `Bearer ${serviceKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject: name, claims: { name: person.name } }),
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined);
    if (opened?.status !== 201)
      return answer(response, 503, { message: 'Nobody can sign in just now. Please try again shortly.' });
    const { accessToken, refreshToken } = await opened.json();
    return answer(response, 200, { accessToken, refreshToken });
  }

  /** The API: whoever has an access token may read. */
  async function arrivals(request, response) {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    try {
      await jwtVerify(token ?? '', keys, { issuer, audience, typ: 'at+jwt' });
    } catch (error) {
      return answer(response, saysNothingOfTheToken(error) ? 503 : 401);
    }
    return answer(response, 200, { arrivals: ARRIVALS });
  }

  return createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    const handle = { 'POST /login': login, 'GET /api/arrivals': arrivals }[call] ?? otherwise;
    Promise.resolve(handle(request, response)).catch((error) => {
      console.error(error);
      if (!response.headersSent) answer(response, error instanceof SyntaxError ? 400 : 500);
    });
  });
}

/** Keys that cannot be had just now are the API's trouble: a 401 would have the app refresh for nothing. */
function saysNothingOfTheToken(error) {
  const { JOSEError, JWKSTimeout } = errors;
  return !(error instanceof JOSEError) || error instanceof JWKSTimeout || error.code === 'ERR_JOSE_GENERIC';
}

function notFound(_request, response) {
  answer(response, 404);
}

function answer(response, status, body = {}) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

async function json(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { RATCHET_URL = 'http://localhost:3000', SERVICE_KEY, PORT = '4000' } = process.env;
  // The service's own settings of these names, if it has any.
  const { ISSUER = RATCHET_URL, AUDIENCE = ISSUER } = process.env;
  if (!SERVICE_KEY) throw new Error('Set SERVICE_KEY to a service key of Ratchet.');
  const backend = createBackend({
    ratchetUrl: RATCHET_URL,
    serviceKey: SERVICE_KEY,
    issuer: ISSUER,
    audience: AUDIENCE,
  });
  // From all sides: a telephone is not this machine.
  backend.listen(Number(PORT), () => console.log(`listening at port ${PORT}`));
}
