import { sendRaw } from '../support/raw-http.ts';
import { SERVICE_KEY, startIssuer, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

/** As the Host of a request names it. A proxy may do so on behalf of everybody: nginx does unless it is told otherwise. */
const THIS_MACHINE = ['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000'];

const { start } = useDatabase();
const SETTINGS = { CONTRACTS: 'plec,watchr@/watchr,nest-auth', TRUST_PROXY: 'loopback' };

/** Every cookie that a service gives to whoever sends `headers`. */
async function cookiesFor(at: TestService, headers: Record<string, string>): Promise<string[]> {
  const post = (path: string, more: Record<string, string>, body?: string): ReturnType<typeof sendRaw> =>
    sendRaw(at.url, { path, headers: { ...headers, ...more }, ...(body !== undefined && { body }) });
  const open = async (contract: string): Promise<string> => {
    const asBackend = { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'application/json' };
    const opened = await post('/sessions', asBackend, JSON.stringify({ subject: 'ada', contract }));
    return opened.body['setCookie'] as string;
  };
  const [plec, nestAuth] = [await open('plec'), await open('nest-auth')];
  const withPlec = { cookie: plec.split(';')[0]! };
  const withNestAuth = { cookie: nestAuth.split(';')[0]!, 'x-access-token-type': 'cookie' };
  const answers = [
    await post('/auth/refresh', withPlec),
    await post('/watchr/auth/refresh', withPlec),
    await post('/auth/refresh-token', withNestAuth),
    await post('/auth/logout', withPlec),
  ];
  const set = answers.flatMap((answer) => answer.headers['set-cookie'] ?? []);
  const names = [plec, nestAuth, ...set].map((cookie) => cookie.split('=')[0]);
  expect(names).toEqual([
    'refresh_token',
    'refreshToken',
    'refresh_token',
    'refresh_token',
    'refreshToken',
    'accessToken',
    'refresh_token',
  ]);
  return [plec, nestAuth, ...set];
}

const insecure = (cookies: string[]): string[] => cookies.filter((cookie) => !cookie.endsWith('; Secure'));
const secure = (cookies: string[]): string[] => cookies.filter((cookie) => cookie.includes('Secure'));

test.each([
  ['in production', { NODE_ENV: 'production' }],
  ['with an https ISSUER', {}],
])('%s every cookie is Secure, whatever host the request names', async (_when, more) => {
  const service = await start({ ...SETTINGS, ...more });
  for (const host of [...THIS_MACHINE, 'auth.example.com'])
    expect(insecure(await cookiesFor(service, { host }))).toEqual([]);
});

describe('with an http ISSUER', () => {
  test('no cookie is Secure over plain HTTP at this machine, where not every browser would keep it', async () => {
    const service = await start(SETTINGS, startIssuer);
    for (const host of THIS_MACHINE) expect(secure(await cookiesFor(service, { host }))).toEqual([]);
  });

  test('every cookie is Secure at any other host, and over HTTPS', async () => {
    const service = await start(SETTINGS, startIssuer);
    expect(insecure(await cookiesFor(service, { host: 'auth.example.com' }))).toEqual([]);
    const forwarded = { host: 'localhost', 'x-forwarded-proto': 'https' };
    expect(insecure(await cookiesFor(service, forwarded))).toEqual([]);
  });
});

describe('behind a proxy that says how a request came', () => {
  const by = (forwarded: string): Record<string, string> => ({ 'x-forwarded-proto': forwarded });

  test('one by plain HTTP is refused in production, unspent, and in the words of its contract', async () => {
    const service = await start({ ...SETTINGS, NODE_ENV: 'production' });
    const { setCookie, refreshToken } = await service.open();
    const cookie = { cookie: setCookie.split(';')[0]! };
    for (const proto of ['http', 'https, http', 'HTTP']) {
      const plec = await sendRaw(service.url, { headers: { ...cookie, ...by(proto) } });
      expect([plec.status, plec.body]).toMatchObject([
        400,
        { details: { 'x-forwarded-proto': [expect.stringMatching(/plain HTTP/)] } },
      ]);
      expect(plec.headers['x-content-type-options']).toBe('nosniff');
      const watchr = await sendRaw(service.url, {
        path: '/watchr/auth/refresh',
        headers: { ...cookie, ...by(proto) },
      });
      expect(watchr.status).toBe(422);
      expect((await sendRaw(service.url, { path: '/sessions', headers: by(proto) })).status).toBe(400);
      const probed = await sendRaw(service.url, { method: 'GET', path: '/health/live', headers: by(proto) });
      expect(probed.status).toBe(200);
    }
    for (const headers of [by('https'), by('http, https'), {}])
      expect((await sendRaw(service.url, { headers: { ...cookie, ...headers } })).status).toBe(200);
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });

  test('one is not refused on the word of who is not trusted, or where nothing is in production', async () => {
    for (const more of [{ NODE_ENV: 'production', TRUST_PROXY: '10.0.0.0/8' }, {}]) {
      const service = await start({ ...SETTINGS, ...more });
      expect((await sendRaw(service.url, { headers: by('http') })).status).toBe(401);
    }
  });
});
