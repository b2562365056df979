import { startService, type OpenedSession } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { connections, dumpAll, report, send, Tally, type Answer } from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';

const HOST = 'auth.example.com';
const ALLOWED = 'https://app.example.com';

const ORIGINS = [
  undefined,
  'null',
  ALLOWED,
  `https://${HOST}`,
  `https://${HOST}:443`,
  `http://${HOST}`,
  'https://evil.example',
  'https://app.example.com.evil.com',
  'https://evilapp.example.com',
  'https://app.example.com.',
  'https://APP.example.com',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com:443',
  'https://app.example.com/',
  'https://app.example.com, https://evil.example',
  `https://${HOST}.evil.com`,
  `https://evil-${HOST}`,
  `https://${HOST}.`,
  `https://${HOST}:8443`,
  `https://sister.example.com`,
  'file://',
  '*',
  '',
];
const SITES = [
  undefined,
  'same-origin',
  'same-site',
  'cross-site',
  'none',
  'Same-Origin',
  'same-origin, same-origin',
];
const TYPES = [
  undefined,
  'application/json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'multipart/form-data; boundary=x',
];
/** A form without fields, and what axios sends of null: no body, so that its type is nobody's business. */
const EMPTY_FORM = 'application/x-www-form-urlencoded; empty=1';

interface Door {
  readonly path: string;
  readonly contract: 'plec' | 'watchr' | 'nest-auth';
  readonly cookie: string;
  /** The statuses of a success, and of a request without a token. */
  readonly success: number;
  readonly nothing: number;
  readonly headers?: Record<string, string>;
}

const DOORS: readonly Door[] = [
  { path: '/auth/refresh', contract: 'plec', cookie: 'refresh_token', success: 200, nothing: 401 },
  { path: '/auth/logout', contract: 'plec', cookie: 'refresh_token', success: 204, nothing: 204 },
  { path: '/watchr/auth/refresh', contract: 'watchr', cookie: 'refresh_token', success: 200, nothing: 422 },
  {
    path: '/auth/refresh-token',
    contract: 'nest-auth',
    cookie: 'refreshToken',
    success: 200,
    nothing: 401,
    headers: { 'x-access-token-type': 'cookie' },
  },
];

interface Attempt {
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly type: string | undefined;
  readonly hasCookie: boolean;
}

/** The rules as docs/frontends.md has them, and as browsers keep to them; nothing of how the service does it. */
function expected({ origin, site, type, hasCookie }: Attempt, door: Door): number {
  const isOwn = [`https://${HOST}`, `https://${HOST}:443`].includes(origin ?? '');
  const browserVouches = site === 'same-origin' || site === 'none';
  const oldBrowser = site === undefined && (!origin || isOwn);
  const mayUseCookie = browserVouches || oldBrowser || origin === ALLOWED;
  if (hasCookie && !mayUseCookie) return 403;
  if (![undefined, 'application/json', EMPTY_FORM].includes(type)) return 415;
  return hasCookie ? door.success : door.nothing;
}

describe('a page of another site', () => {
  afterAll(() => connections.destroy());
  const { database, service } = useService({ CONTRACTS: EVERY_CONTRACT, ALLOWED_ORIGINS: ALLOWED });

  const post = (
    url: string,
    headers: Record<string, string | undefined>,
    body?: string,
    method = 'POST',
  ): Promise<Answer> => {
    const given = Object.entries(headers).filter(([, value]) => value !== undefined);
    return send(service.url, {
      method,
      path: url,
      headers: { host: HOST, ...(Object.fromEntries(given) as Record<string, string>) },
      ...(body !== undefined && { body }),
    });
  };
  const generationOf = async ({ session }: OpenedSession): Promise<unknown> =>
    (await database.query('SELECT generation, revoked_at FROM sessions WHERE id = $1', [session.id]))[0];

  test.each(DOORS)('gets no further at $path than the rules say', async (door) => {
    const came = new Tally();
    const victim = await service.open();
    const before = await dumpAll(database);
    const allowed: Attempt[] = [];
    const attempts = ORIGINS.flatMap((origin) =>
      SITES.flatMap((site) =>
        [...TYPES, EMPTY_FORM].flatMap((type) =>
          [true, false].map((hasCookie) => ({ origin, site, type, hasCookie })),
        ),
      ),
    );
    const attempt = async (one: Attempt, { refreshToken }: OpenedSession): Promise<void> => {
      const { origin, site, type, hasCookie } = one;
      const isEmpty = type === EMPTY_FORM;
      const body = type === 'application/json' ? '{}' : isEmpty ? undefined : type && 'refreshToken=x';
      const answer = await post(
        door.path,
        {
          ...door.headers,
          origin,
          'sec-fetch-site': site,
          'content-type': type,
          'content-length': isEmpty ? '0' : undefined,
          cookie: hasCookie ? `${door.cookie}=${refreshToken}` : undefined,
        },
        body,
      );
      came.add(answer.status);
      expect([one, answer.status]).toEqual([one, expected(one, door)]);
      const acao = answer.headers['access-control-allow-origin'];
      expect([one, acao]).toEqual([one, origin === ALLOWED ? ALLOWED : undefined]);
      if (answer.status >= 400 || !hasCookie)
        expect([one, answer.headers['set-cookie']]).toEqual([one, undefined]);
    };
    for (const one of attempts) {
      if (one.hasCookie && expected(one, door) === door.success) allowed.push(one);
      else await attempt(one, victim);
    }
    expect(await dumpAll(database)).toBe(before);
    for (const one of allowed) {
      const opened = await service.open();
      await attempt(one, opened);
      const row = await generationOf(opened);
      expect([one, row]).not.toEqual([one, { generation: 0, revoked_at: null }]);
    }
    report(
      `${door.contract} ${door.path} from everywhere`,
      attempts.length,
      `as the rules say (${came.toString()}); ${allowed.length} were allowed, no other changed a row`,
    );
  });

  test('turns no ratchet by another method, an override or a query', async () => {
    const victim = await service.open();
    const before = await dumpAll(database);
    const came = new Tally();
    const { refreshToken } = victim;
    const overrides = [undefined, 'x-http-method-override', 'x-http-method', 'x-method-override'];
    const queries = [
      '',
      '?_method=POST',
      '?_method=DELETE',
      `?refreshToken=${refreshToken}`,
      `?refresh_token=${refreshToken}&token=${refreshToken}&access_token=${refreshToken}`,
    ];
    let times = 0;
    for (const door of DOORS)
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'] as const)
        for (const override of overrides)
          for (const query of queries) {
            const isPost = method === 'POST';
            const answer = await post(
              door.path + query,
              {
                ...door.headers,
                origin: isPost ? undefined : ALLOWED,
                cookie: isPost ? undefined : `${door.cookie}=${refreshToken}`,
                ...(override && { [override]: isPost ? 'DELETE' : 'POST' }),
              },
              undefined,
              method,
            );
            times++;
            came.add(answer.status);
            expect([door.path, method, query, answer.status]).toEqual([
              door.path,
              method,
              query,
              isPost ? door.nothing : 405,
            ]);
          }
    expect(await dumpAll(database)).toBe(before);
    report('other methods, overrides and tokens in queries', times, `nothing turned (${came.toString()})`);
  });

  test('tosses in cookies that are refused or overlooked, never taken for the real one', async () => {
    const [victim, attacker] = [await service.open(), await service.open({ subject: 'eve' })];
    const before = await dumpAll(database);
    const [mine, theirs] = [victim.refreshToken, attacker.refreshToken];
    const came = new Tally();
    let times = 0;
    for (const { path, cookie, headers = {}, nothing, contract } of DOORS) {
      const twice = contract === 'watchr' ? 422 : 400;
      const bad = path.endsWith('/logout') ? 204 : 401;
      const twins: [string, number][] = [
        [`${cookie}=${mine}; ${cookie}=${theirs}`, twice],
        [`${cookie}=${theirs}; ${cookie}=${mine}`, twice],
        [`${cookie}=${mine}; a=b; ${cookie} =${theirs}`, twice],
      ];
      const tossed: [string, number][] = [
        // A logout ends both, and is the way out.
        ...(path.endsWith('/logout') ? [] : twins),
        [`${cookie}="${mine}"; ${cookie}=j:"${theirs}"`, bad],
        [`__Host-${cookie}=${theirs}`, nothing],
        [`__Secure-${cookie}=${theirs}`, nothing],
        [`${cookie.toUpperCase()}=${theirs}`, nothing],
        [`%72efresh${cookie.slice(7)}=${theirs}`, nothing],
        [`x=${cookie}=${theirs}`, nothing],
        [`${cookie}=j:{"a":"${theirs}"}`, bad],
        [`${cookie}=j:"${theirs}"`, bad],
        [`${cookie}="${theirs}"`, bad],
        [`${cookie}=%72${theirs.slice(1)}`, bad],
      ];
      for (const [header, status] of tossed) {
        const answer = await post(path, { ...headers, cookie: header });
        times++;
        came.add(answer.status);
        expect([path, header, answer.status]).toEqual([path, header, status]);
      }
    }
    expect(await dumpAll(database)).toBe(before);
    report('cookies tossed in', times, `none taken (${came.toString()})`);
  });

  test('cannot stand in for a __Host- cookie with a plain one', async () => {
    const strict = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'plec,watchr@/watchr,nest-auth',
      COOKIE_PREFIX: '__Host-',
    });
    let times = 0;
    for (const { path, cookie, headers = {}, nothing, success } of DOORS) {
      const attacker = await strict.open();
      for (const plain of [cookie, `__Secure-${cookie}`, `__host-${cookie}`]) {
        const victim = await strict.open();
        const alone = await send(strict.url, {
          path,
          headers: { ...headers, host: HOST, cookie: `${plain}=${attacker.refreshToken}` },
        });
        const pairs = [`${plain}=${attacker.refreshToken}`, `__Host-${cookie}=${victim.refreshToken}`];
        const beside = await send(strict.url, {
          path,
          headers: { ...headers, host: HOST, cookie: (times % 2 ? pairs : pairs.reverse()).join('; ') },
        });
        times += 2;
        expect([path, plain, alone.status, beside.status]).toEqual([path, plain, nothing, success]);
        expect(await generationOf(attacker)).toEqual({ generation: 0, revoked_at: null });
        expect(await generationOf(victim)).not.toEqual({ generation: 0, revoked_at: null });
      }
    }
    await strict.stop();
    report('plain cookies beside a __Host- one', times, 'the real one counted each time');
  });
});
