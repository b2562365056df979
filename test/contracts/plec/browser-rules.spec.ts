import type { OpenedSession } from '../../support/service.ts';
import { useService } from '../../support/use-service.ts';

const APP = 'https://app.example.com';
const DOCS = 'https://docs.example.com';

describe('a browser', () => {
  const { database, service } = useService({ ALLOWED_ORIGINS: APP, PLAYGROUND_ORIGINS: DOCS });

  const cookieOf = ({ setCookie }: OpenedSession): string => setCookie.split(';')[0]!;
  const withCookie = (
    cookie: string,
    headers: Record<string, string> = {},
    path = '/auth/refresh',
  ): Promise<Response> => fetch(service.url + path, { method: 'POST', headers: { cookie, ...headers } });

  describe('with the cookie', () => {
    test('is answered with a cookie, and its page never sees the refresh token', async () => {
      const opened = await service.open();
      const response = await withCookie(cookieOf(opened));
      expect(response.status).toBe(200);
      expect(Object.keys((await response.json()) as object)).toEqual(['accessToken']);
      const setCookie = response.headers.get('set-cookie')!;
      expect(setCookie).toMatch(
        /^refresh_token=rt1_[\w.-]{78}; Max-Age=1209600; Path=\/auth; HttpOnly; SameSite=Strict; Secure$/,
      );
      expect((await withCookie(setCookie.split(';')[0]!)).status).toBe(200);
    });

    test.each([
      ['the session', { max: 3_600 }, 3_600, 1_800],
      ['the idle lifetime', { idle: 3_600 }, 3_600, 3_600],
    ])('is given what is left of %s, not more', async (_what, lifetimes, atFirst, later) => {
      const opened = await service.open({ lifetimes });
      const maxAge = (setCookie: string): number => Number(/Max-Age=(\d+)/.exec(setCookie)![1]);
      expect(maxAge(opened.setCookie)).toBe(atFirst);
      await database.advance(1_800_000);
      const response = await withCookie(cookieOf(opened));
      const left = maxAge(response.headers.get('set-cookie')!);
      expect(left).toBeGreaterThan(later - 100);
      expect(left).toBeLessThanOrEqual(later);
    });

    test('keeps it when it is refused: it could be the winner’s', async () => {
      const response = await withCookie('refresh_token=nonsense');
      expect([response.status, response.headers.get('set-cookie')]).toEqual([401, null]);
    });

    test('that also sends a token in the body is answered in the body', async () => {
      const [inCookie, inBody] = [await service.open(), await service.open()];
      const response = await service.post(
        '/auth/refresh',
        { refreshToken: inBody.refreshToken },
        { cookie: cookieOf(inCookie) },
      );
      expect(Object.keys((await response.json()) as object)).toEqual(['accessToken', 'refreshToken']);
      expect(response.headers.get('set-cookie')).toBeNull();
    });

    test('is logged out as often as it asks, and its cookie is cleared', async () => {
      const cookie = cookieOf(await service.open());
      for (let times = 0; times < 3; times++) {
        const response = await withCookie(cookie, {}, '/auth/logout');
        expect([response.status, await response.text()]).toEqual([204, '']);
        expect(response.headers.get('set-cookie')).toBe(
          'refresh_token=; Max-Age=0; Path=/auth; HttpOnly; SameSite=Strict; Secure',
        );
      }
      expect(await (await withCookie(cookie)).json()).toMatchObject({ code: 'REVOKED' });
      expect((await fetch(`${service.url}/auth/logout`, { method: 'POST' })).status).toBe(204);
    });
  });

  const SENT_BY: [who: string, headers: Record<string, string>, allowed: boolean][] = [
    ['no browser', {}, true],
    ['a page of this origin', { origin: 'SELF', 'sec-fetch-site': 'same-origin' }, true],
    ['an old browser, a page of this origin', { origin: 'SELF' }, true],
    ['a page of an allowed origin', { origin: APP, 'sec-fetch-site': 'cross-site' }, true],
    ['an old browser, a page of this host over plain HTTP', { origin: 'PLAIN SELF' }, false],
    ['an old browser, a page at another port of this host', { origin: 'https://127.0.0.1:1' }, false],
    ['an old browser, a page of an allowed origin', { origin: APP }, true],
    ['a page of a foreign origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
    [
      'a page of a sister site',
      { origin: 'https://other.example.com', 'sec-fetch-site': 'same-site' },
      false,
    ],
    ['an old browser, a page of a foreign origin', { origin: 'https://evil.example' }, false],
    ['a sandboxed page', { origin: 'null' }, false],
    ['a sandboxed page of a new browser', { origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
    ['a page of an origin that looks alike', { origin: `${APP}.evil.example` }, false],
    ['a page of an allowed name on plain http', { origin: 'http://app.example.com' }, false],
    ['a page of an allowed name at another port', { origin: `${APP}:8443` }, false],
    ['a page of the documentation', { origin: DOCS, 'sec-fetch-site': 'cross-site' }, false],
    ['a request that hides its origin', { 'sec-fetch-site': 'cross-site' }, false],
  ];

  describe.each(['/auth/refresh', '/auth/logout'])('using the cookie at %s', (path) => {
    test.each(SENT_BY)('%s', async (_who, sent, allowed) => {
      const opened = await service.open();
      // To a service whose ISSUER is https, no page of its own comes over plain HTTP.
      const own: Record<string, string> = {
        SELF: service.url.replace('http:', 'https:'),
        'PLAIN SELF': service.url,
      };
      const { origin } = sent;
      const headers = { ...sent, ...(origin !== undefined && { origin: own[origin] ?? origin }) };
      const response = await withCookie(cookieOf(opened), headers, path);
      if (allowed) {
        expect([200, 204]).toContain(response.status);
        return;
      }
      expect([response.status, await response.json()]).toEqual([
        403,
        { message: expect.any(String) as string, code: 'ORIGIN_NOT_ALLOWED' },
      ]);
      expect((await service.refresh(opened.refreshToken)).status).toBe(200);
      const [row] = await database.query('SELECT generation FROM sessions WHERE id = $1', [
        opened.session.id,
      ]);
      expect(row).toEqual({ generation: 1 });
    });
  });

  test('of a foreign page may use a token that the page itself holds', async () => {
    const { refreshToken } = await service.open();
    const response = await service.post(
      '/auth/refresh',
      { refreshToken },
      { origin: 'https://evil.example' },
    );
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  const preflight = (origin: string, path: string): Promise<Response> =>
    fetch(service.url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
  const cors = ({ headers }: Response): unknown => [
    headers.get('access-control-allow-origin'),
    headers.get('access-control-allow-credentials'),
  ];

  test('asks before it lets an allowed origin use the cookie, and is told yes', async () => {
    const response = await preflight(APP, '/auth/refresh');
    expect(response.status).toBe(204);
    expect(cors(response)).toEqual([APP, 'true']);
    expect(response.headers.get('vary')).toMatch(/origin/i);
  });

  test('may send what frontends’ libraries put into a request', async () => {
    const allowed = (await preflight(APP, '/auth/refresh')).headers.get('access-control-allow-headers');
    for (const header of ['x-requested-with', 'authorization', 'traceparent', 'tracestate'])
      expect(allowed).toContain(header);
  });

  test('is told why not, where its developers look', async () => {
    const response = await preflight('https://evil.example', '/auth/refresh');
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { code: 'ORIGIN_NOT_ALLOWED', details: { origin: [expect.stringContaining('ALLOWED_ORIGINS')] } },
    ]);
  });

  test.each(['https://evil.example', 'null', `${APP}.evil.example`, 'http://app.example.com'])(
    'is told nothing for %s',
    async (origin) => {
      expect(cors(await preflight(origin, '/auth/refresh'))).toEqual([null, null]);
      expect(cors(await service.post('/auth/refresh?dryRun=true', {}, { origin }))).toEqual([null, null]);
    },
  );

  test('lets a documentation site try dry runs, without credentials, and nothing else', async () => {
    expect(cors(await preflight(DOCS, '/auth/refresh?dryRun=true'))).toEqual([DOCS, null]);
    const sample = { refreshToken: 'abc123.def456' };
    expect(cors(await service.post('/auth/refresh?dryRun=true', sample, { origin: DOCS }))).toEqual([
      DOCS,
      null,
    ]);
    expect(cors(await preflight(DOCS, '/auth/refresh'))).toEqual([null, null]);
    expect(cors(await preflight(DOCS, '/auth/refresh?dryRun=false'))).toEqual([null, null]);
    expect(cors(await preflight(DOCS, '/auth/refresh?dryRun=true&dryRun=false'))).toEqual([null, null]);
    for (const path of ['/auth/logout', '/auth/logout?dryRun=true', '/sessions?dryRun=true']) {
      expect(cors(await preflight(DOCS, path))).toEqual([null, null]);
    }
  });

  test('of an allowed origin may read how it stands, and what to do about a refusal', async () => {
    const answer = await service.post('/auth/refresh', { refreshToken: 'x' }, { origin: APP });
    const exposed = answer.headers.get('access-control-expose-headers')!.split(', ');
    expect(exposed).toEqual(
      expect.arrayContaining(['www-authenticate', 'retry-after', 'x-request-id', 'ratelimit-remaining']),
    );
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="ratchet", error="invalid_token"');
    const nothing = await service.post('/auth/refresh', {});
    expect(nothing.headers.get('www-authenticate')).toBe('Bearer realm="ratchet"');
  });

  test('keeps no answer of a token endpoint', async () => {
    const { refreshToken } = await service.open();
    const answers = [
      await service.refresh(refreshToken),
      await service.refresh('nonsense'),
      await service.post('/auth/refresh', []),
      await fetch(`${service.url}/auth/nothing`),
      await service.api('GET', '/sessions?subject=ada'),
    ];
    expect(answers.map(({ headers }) => headers.get('cache-control'))).toEqual(Array(5).fill('no-store'));
  });
});

describe('with a __Host- cookie', () => {
  const { service } = useService({ COOKIE_PREFIX: '__Host-', COOKIE_SAMESITE: 'lax' });

  test('a cookie tossed in from a sister site has the wrong name', async () => {
    const { setCookie } = await service.open();
    expect(setCookie).toMatch(
      /^__Host-refresh_token=\S+; Max-Age=1209600; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
    const real = setCookie.split(';')[0]!;
    const response = await fetch(`${service.url}/auth/refresh`, {
      method: 'POST',
      headers: { cookie: `refresh_token=tossed; ${real}` },
    });
    expect(response.status).toBe(200);
  });
});
