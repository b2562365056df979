// A login backend, a sample API and the page, in one small server. `npm start` runs it; see README.md.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
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
  { ship: 'Marie Curie', from: 'Le Havre', berth: 'B4', due: '11:05' },
  { ship: 'Kestrel', from: 'Hull', berth: 'A1', due: '12:30' },
];

/** What the page is made of, and of what type. */
const FILES = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript',
  'session.js': 'text/javascript',
  'style.css': 'text/css',
  'icon.svg': 'image/svg+xml',
};

/**
 * The server, not listening yet.
 *
 * @param ratchetUrl where the service is, for the page and for this server
 * @param serviceKey what this server opens sessions with
 * @param issuer the service's ISSUER, and `audience` its AUDIENCE: which access tokens are for this API
 * @param accepts what the API asks of an access token's claims, beyond that it is good
 */
export function createApp({ ratchetUrl, serviceKey, issuer, audience, accepts = () => true }) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', ratchetUrl));

  /** Signs in: checks who it is, opens a session, and hands its cookie on as it came. */
  async function login(request, response) {
    // A form of another site cannot send JSON: it signs nobody in here without their knowledge.
    if (request.headers['content-type'] !== 'application/json') return answer(response, 415);
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
    if (!opened || opened.status === 503) {
      response.setHeader('retry-after', opened?.headers.get('retry-after') ?? '1');
      return answer(response, 503, { message: 'Nobody can sign in just now. Please try again shortly.' });
    }
    if (!opened.ok) throw new Error(`POST /sessions: ${opened.status} ${await opened.text()}`);
    const { accessToken, setCookie } = await opened.json();
    response.setHeader('set-cookie', setCookie);
    return answer(response, 200, { accessToken });
  }

  /** The API: whoever has an access token may read. */
  async function arrivals(request, response) {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    try {
      const { payload } = await jwtVerify(token ?? '', keys, { issuer, audience, typ: 'at+jwt' });
      if (!accepts(payload)) return answer(response, 401);
    } catch (error) {
      return answer(response, saysNothingOfTheToken(error) ? 503 : 401);
    }
    return answer(response, 200, { arrivals: ARRIVALS });
  }

  async function page(file, response) {
    response.setHeader('content-type', FILES[file]);
    // The page and the service, and nobody else: what gets in nonetheless has nowhere to send a token.
    response.setHeader(
      'content-security-policy',
      `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${ratchetUrl}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    response.end(await readFile(new URL(`public/${file}`, import.meta.url)));
  }

  async function route(request, response) {
    const { pathname } = new URL(request.url, 'http://localhost');
    const call = `${request.method} ${pathname}`;
    if (call === 'POST /login') return login(request, response);
    if (call === 'GET /api/arrivals') return arrivals(request, response);
    if (call === 'GET /config.json') return answer(response, 200, { ratchetUrl });
    const file = pathname.slice(1) || 'index.html';
    if (request.method === 'GET' && Object.hasOwn(FILES, file)) return page(file, response);
    return answer(response, 404);
  }

  return createServer((request, response) => {
    route(request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) answer(response, error instanceof SyntaxError ? 400 : 500);
    });
  });
}

/** Keys that cannot be had just now are the API's trouble: a 401 would have the page refresh for nothing. */
function saysNothingOfTheToken(error) {
  const { JOSEError, JWKSTimeout } = errors;
  return !(error instanceof JOSEError) || error instanceof JWKSTimeout || error.code === 'ERR_JOSE_GENERIC';
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
  createApp({
    ratchetUrl: RATCHET_URL,
    serviceKey: SERVICE_KEY,
    issuer: ISSUER,
    audience: AUDIENCE,
  }).listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`));
}
