import { sendRaw, type RawAnswer } from '../../support/raw-http.ts';
import type { OpenedSession, TestService } from '../../support/service.ts';
import { useDatabase } from '../../support/use-service.ts';
import { expectAsPublished } from './facts.ts';

const PATH = '/auth/refresh-token';
const APP = 'https://app.example.com';
const ASKED = { 'x-access-token-type': 'cookie' };
const REFRESHED = { message: 'Token refreshed successfully', isRequiresMfa: false };
const MFA = { mfaMethods: ['totp', 'sms'], defaultMfaMethod: 'totp' };
const MISSING = { message: 'No refresh token was sent', code: 'REFRESH_TOKEN_INVALID' };

interface Sent {
  inCookie?: string;
  inBody?: string;
  headers?: Record<string, string>;
  query?: string;
}

const { database, start } = useDatabase();
const services = new Map<string, TestService>();

/** A service with some settings; the same one for the same settings. */
async function serviceWith(settings: Record<string, string>): Promise<TestService> {
  const name = JSON.stringify(settings);
  const base = { CONTRACTS: 'nest-auth', ALLOWED_ORIGINS: APP };
  const service = services.get(name) ?? (await start({ ...base, ...settings }));
  services.set(name, service);
  return service;
}

function send(
  service: TestService,
  { inCookie, inBody, headers = {}, query = '' }: Sent,
): Promise<RawAnswer> {
  return sendRaw(service.url, {
    path: PATH + query,
    headers: {
      ...headers,
      ...(inCookie !== undefined && { cookie: `refreshToken=${inCookie}` }),
      ...(inBody !== undefined && { 'content-type': 'application/json' }),
    },
    ...(inBody !== undefined && { body: JSON.stringify({ refreshToken: inBody }) }),
  });
}

/** The value of a cookie that an answer sets. */
const cookieIn = ({ headers }: RawAnswer, name: string): string | undefined =>
  (headers['set-cookie'] ?? []).find((each) => each.startsWith(`${name}=`))?.split(/[=;]/)[1];

describe.each<[how: string, settings: Record<string, string>, headers: Record<string, string>]>([
  ['asked for by the request', {}, ASKED],
  ['set by the operator', { NEST_AUTH_TOKEN_TYPE: 'cookie' }, {}],
  [
    'set by the operator against the request',
    { NEST_AUTH_TOKEN_TYPE: 'COOKIE' },
    { 'x-access-token-type': 'header' },
  ],
])('cookie mode, %s', (_how, settings, headers) => {
  let service: TestService;
  let opened: OpenedSession;

  beforeEach(async () => {
    service = await serviceWith(settings);
    opened = await service.open();
  });

  async function refresh(sent: Sent): Promise<RawAnswer> {
    const answer = await send(service, { ...sent, headers: { ...headers, ...sent.headers } });
    expectAsPublished(answer.status, answer.body, 'cookie');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(JSON.stringify(answer.body)).not.toMatch(/rt1_|eyJ/);
    return answer;
  }

  test('answers two cookies that no script sees, and a body without tokens', async () => {
    const answer = await refresh({ inCookie: opened.refreshToken });
    expect([answer.status, answer.body]).toEqual([200, REFRESHED]);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^refreshToken=rt1_[\w.-]{78}; Max-Age=1209600; Path=\/auth; HttpOnly; SameSite=Strict; Secure$/,
      ),
      expect.stringMatching(
        /^accessToken=eyJ[\w.-]+; Max-Age=900; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
      ),
    ]);
    await database.advance(10_001);
    expect((await refresh({ inCookie: cookieIn(answer, 'refreshToken')! })).status).toBe(200);
  });

  test('answers cookies to a token in the body as well', async () => {
    const answer = await refresh({ inBody: opened.refreshToken });
    expect([answer.status, answer.body]).toEqual([200, REFRESHED]);
    expect(cookieIn(answer, 'refreshToken')).toMatch(/^rt1_/);
    expect(cookieIn(answer, 'accessToken')).toMatch(/^eyJ/);
  });

  test('takes the token of the body if both came', async () => {
    const other = await service.open();
    await service.api('DELETE', `/sessions/${other.session.id}`);
    const [first, second] = [opened.refreshToken, other.refreshToken];
    expect((await refresh({ inBody: first, inCookie: second })).status).toBe(200);
    expect((await refresh({ inBody: second, inCookie: first })).status).toBe(401);
  });

  test('keeps what the login backend gave, but for the trust token', async () => {
    const extras = { 'nest-auth': { ...MFA, trustToken: 'trusted-device' } };
    const { refreshToken } = await service.open({ extras });
    expect((await refresh({ inCookie: refreshToken })).body).toEqual({ ...REFRESHED, ...MFA });
  });

  test('gives an access cookie no longer than its session lives', async () => {
    const { refreshToken } = await service.open({ lifetimes: { max: 100 } });
    const answer = await refresh({ inCookie: refreshToken });
    for (const cookie of answer.headers['set-cookie']!)
      expect(Number(/Max-Age=(\d+)/.exec(cookie)![1])).toBeLessThanOrEqual(100);
  });

  test('sets no cookie in a dry run, and writes nothing', async () => {
    const before = await database.dump();
    const answer = await refresh({ inCookie: opened.refreshToken, query: '?dryRun=true' });
    expect([answer.status, answer.body]).toEqual([200, REFRESHED]);
    expect([answer.headers['set-cookie'], answer.headers['dry-run']]).toEqual([undefined, 'true']);
    expect(await database.dump()).toBe(before);
  });

  test('leaves the cookies alone when it refuses: they could be the winner’s', async () => {
    for (const inCookie of ['nonsense', '']) {
      const answer = await refresh({ inCookie });
      expect([answer.status, answer.headers['set-cookie']]).toEqual([401, undefined]);
    }
    expect((await refresh({})).body).toEqual(MISSING);
  });

  test('takes the good one of two cookies', async () => {
    const answer = await refresh({ inCookie: `b; refreshToken=${opened.refreshToken}` });
    expect([answer.status, answer.body]).toEqual([200, REFRESHED]);
  });

  test('is told at once that the claims make an access token that no browser keeps', async () => {
    const open = (contract: string, length: number): Promise<Response> =>
      service.api('POST', '/sessions', { subject: 'ada', contract, claims: { role: 'x'.repeat(length) } });
    expect((await open('nest-auth', 2_000)).status).toBe(201);
    const before = await database.dump();
    const refused = await open('nest-auth', 4_000);
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { details: { claims: [expect.stringMatching(/larger than the 4096 bytes that browsers keep/)] } },
    ]);
    expect(await database.dump()).toBe(before);
  });

  test.each<[who: string, sent: Record<string, string>, allowed: boolean]>([
    ['a page of an allowed origin', { origin: APP, 'sec-fetch-site': 'cross-site' }, true],
    ['a page of a foreign origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
    ['an old browser, a page of a foreign origin', { origin: 'https://evil.example' }, false],
    ['a sandboxed page', { origin: 'null' }, false],
  ])('for %s', async (_who, sent, allowed) => {
    const answer = await refresh({ inCookie: opened.refreshToken, headers: sent });
    expect(answer.status).toBe(allowed ? 200 : 403);
    if (allowed) return;
    expect(answer.body).toMatchObject({ code: 'CSRF_ORIGIN_REJECTED' });
    const sql = 'SELECT generation FROM sessions WHERE id = $1';
    expect(await database.query(sql, [opened.session.id])).toEqual([{ generation: 0 }]);
  });
});

describe('header mode', () => {
  test.each<[how: string, settings: Record<string, string>, headers: Record<string, string>]>([
    ['by default', {}, {}],
    ['asked for', {}, { 'x-access-token-type': 'header' }],
    ['where something unknown is asked for', {}, { 'x-access-token-type': 'cookies' }],
    ['set by the operator, against the request', { NEST_AUTH_TOKEN_TYPE: 'header' }, ASKED],
  ])('%s shows no script what is in the cookie', async (_how, settings, headers) => {
    const service = await serviceWith(settings);
    const { refreshToken: inCookie } = await service.open();
    const refused = await send(service, { inCookie, headers });
    expect([refused.status, refused.body]).toEqual([401, MISSING]);
    const { refreshToken: inBody } = await service.open();
    const answer = await send(service, { inCookie, inBody, headers });
    expect(Object.keys(answer.body)).toContain('refreshToken');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('an operator', () => {
  test('who has no access token travel in a cookie may have it as large as claims make it', async () => {
    const service = await serviceWith({ NEST_AUTH_TOKEN_TYPE: 'header' });
    const { accessToken } = await service.open({ claims: { role: 'x'.repeat(4_000) } });
    expect(accessToken.length).toBeGreaterThan(5_500);
  });

  test('is told that a token type is unknown', async () => {
    await expect(serviceWith({ NEST_AUTH_TOKEN_TYPE: 'body' })).rejects.toThrow(
      'NEST_AUTH_TOKEN_TYPE: "body" is not one of header, cookie',
    );
  });

  test('who wants the prefix __Host- gets it on both cookies', async () => {
    const service = await serviceWith({ COOKIE_PREFIX: '__Host-' });
    const { setCookie } = await service.open({ contract: 'nest-auth' });
    const answer = await sendRaw(service.url, {
      path: PATH,
      headers: { ...ASKED, cookie: setCookie.split(';')[0]! },
    });
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-refreshToken=rt1_.+; Path=\/; .+; Secure$/),
      expect.stringMatching(/^__Host-accessToken=eyJ.+; Path=\/; .+; Secure$/),
    ]);
  });

  test('who puts it under a prefix, beside PLEC, has each answered in its own words', async () => {
    const service = await serviceWith({ CONTRACTS: 'plec,nest-auth,nest-auth@/v2' });
    const { refreshToken } = await service.open();
    const headers = { ...ASKED, cookie: `refreshToken=${refreshToken}` };
    const answer = await sendRaw(service.url, { path: `/v2${PATH}`, headers });
    expect(answer.headers['set-cookie']![0]).toContain('; Path=/v2/auth; ');
    expect((await sendRaw(service.url, { path: PATH })).body).toEqual(MISSING);
    expect((await sendRaw(service.url, { path: '/auth/refresh' })).body).toMatchObject({
      code: 'MISSING_TOKEN',
    });
  });
});

describe('a page of an allowed origin', () => {
  test('may send the headers of the client, and no foreign one may', async () => {
    const service = await serviceWith({});
    const allowed = async (origin: string): Promise<string | null> => {
      const asks = { 'access-control-request-method': 'POST' };
      const { headers } = await fetch(service.url + PATH, {
        method: 'OPTIONS',
        headers: { origin, ...asks },
      });
      return headers.get('access-control-allow-headers');
    };
    for (const header of ['content-type', 'authorization', 'x-access-token-type', 'nest_auth_device_trust'])
      expect(await allowed(APP)).toContain(header);
    expect(await allowed('https://evil.example')).toBeNull();
  });
});
