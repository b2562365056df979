import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { TestDatabase } from '../../support/database.ts';
import { startService, type OpenedSession, type TestService } from '../../support/service.ts';
import { Browser } from './browser.ts';
import {
  AuthClient,
  MemoryStorage,
  type ClientConfig,
  type ClientError,
  type Storage,
  type Tokens,
} from './real-client.ts';

const EXTRAS = { 'nest-auth': { mfaMethods: ['totp'], trustToken: 'trusted-device' } };

let database: TestDatabase;
let service: TestService;
let resource: Server;

beforeAll(async () => {
  database = await TestDatabase.create();
  service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'nest-auth' });
  resource = await startResource(`${service.url}/.well-known/jwks.json`);
});

afterAll(async () => {
  resource.close();
  await service.stop();
  await database.drop();
});

/** An API of the same people, that answers whoever shows a good access token in a header or a cookie. */
function startResource(jwks: string): Promise<Server> {
  const keys = createRemoteJWKSet(new URL(jwks));
  const server = createServer(({ headers: { authorization = '', cookie = '' } }, answer) => {
    const token = /^Bearer (.+)$/.exec(authorization)?.[1] ?? /accessToken=([^;]+)/.exec(cookie)?.[1] ?? '';
    jwtVerify(token, keys).then(
      ({ payload }) => answer.end(payload.sub),
      () => answer.writeHead(401).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const resourceUrl = (): string => `http://127.0.0.1:${(resource.address() as AddressInfo).port}/me`;

/** Opens a session whose first access token expired an hour ago. */
async function openAnHourAgo(): Promise<OpenedSession> {
  await database.advance(-3_600_000);
  const opened = await service.open();
  await database.advance(3_600_000);
  return opened;
}

/** What the client throws when a refresh fails. */
const failure = (refresh: Promise<unknown>): Promise<ClientError> =>
  refresh.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as ClientError,
  );

describe('the client of nest-auth that holds its tokens', () => {
  /** A client as it is after a sign-in. */
  function signedIn(opened: OpenedSession, more: Partial<ClientConfig> = {}) {
    const storage = new MemoryStorage();
    storage.set('access_token', opened.accessToken);
    storage.set('refresh_token', opened.refreshToken);
    return { storage, client: new AuthClient({ baseUrl: service.url, storage, ...more }) };
  }
  const tokensIn = (storage: Storage): unknown => ({
    accessToken: storage.get('access_token'),
    refreshToken: storage.get('refresh_token'),
  });

  test.each(['header', null] as const)('refreshes again and again (type %s)', async (accessTokenType) => {
    const opened = await service.open({ extras: EXTRAS });
    const refreshed: Tokens[] = [];
    const onTokenRefreshed = (tokens: Tokens): void => void refreshed.push(tokens);
    const { client, storage } = signedIn(opened, { accessTokenType, onTokenRefreshed });
    for (let times = 1; times <= 3; times++) {
      const tokens = await client.refresh();
      expect(tokens).toEqual(tokensIn(storage));
      expect(refreshed).toHaveLength(times);
      expect(decodeJwt(tokens!.accessToken)).toMatchObject({ sub: 'ada', sid: opened.session.id });
      await database.advance(10_001);
    }
    expect(new Set([opened, ...refreshed].map(({ refreshToken }) => refreshToken)).size).toBe(4);
    expect(storage.get('trust_token')).toBe('trusted-device');
    expect(client.getIsAuthenticated()).toBe(true);
  });

  test('whose access token has expired refreshes once for all requests, and sends them again', async () => {
    const { client, storage } = signedIn(await openAnHourAgo());
    let refreshes = 0;
    client.onTokenRefreshed(() => (refreshes += 1));
    const api = client.attachToFetch();
    const answers = await Promise.all([1, 2, 3].map(() => api(resourceUrl())));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(['ada', 'ada', 'ada']);
    expect(refreshes).toBe(1);
    expect(await client.getAccessToken()).toBe(storage.get('access_token'));
  });

  test.each<[what: string, code: string, happens: (opened: OpenedSession) => Promise<unknown>]>([
    ['was ended', 'REFRESH_TOKEN_INVALID', ({ session }) => service.api('DELETE', `/sessions/${session.id}`)],
    ['is idle for too long', 'REFRESH_TOKEN_EXPIRED', () => database.advance(60_000)],
    [
      'was stolen',
      'REFRESH_TOKEN_INVALID',
      async ({ refreshToken }) => {
        const thiefs = await service.post('/auth/refresh-token', { refreshToken });
        await database.advance(10_001);
        await service.post('/auth/refresh-token', await thiefs.json());
      },
    ],
  ])('whose session %s is told %s and signs out', async (_what, code, happens) => {
    const opened = await service.open({ lifetimes: { idle: 60 } });
    let signedOut = 0;
    const { client, storage } = signedIn(opened, { onLogout: () => (signedOut += 1) });
    await happens(opened);
    expect(await failure(client.refresh())).toMatchObject({ kind: 'rejected', statusCode: 401, code });
    expect(tokensIn(storage)).toEqual({ accessToken: null, refreshToken: null });
    expect([client.getIsAuthenticated(), signedOut]).toEqual([false, 1]);
  });

  test('that asks too often keeps its tokens', async () => {
    const limits = { RATE_LIMIT_PER_SESSION: '1' };
    const limited = await startService({ DATABASE_URL: database.url, CONTRACTS: 'nest-auth', ...limits });
    const { client, storage } = signedIn(await service.open(), { baseUrl: limited.url });
    const tokens = await client.refresh();
    expect(await failure(client.refresh())).toMatchObject({ kind: 'indeterminate', code: 'RATE_LIMITED' });
    await limited.stop();
    expect(tokensIn(storage)).toEqual(tokens);
  });
});

describe.each(['', 'cookie'])('the client of nest-auth in cookie mode (NEST_AUTH_TOKEN_TYPE=%s)', (set) => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'nest-auth',
      NEST_AUTH_TOKEN_TYPE: set,
    });
  });

  afterAll(() => service.stop());

  /** A client in a browser that was given the refresh cookie at sign-in. */
  function signedIn({ setCookie }: OpenedSession) {
    const browser = new Browser();
    browser.keep(setCookie);
    const storage = new MemoryStorage();
    const config = {
      baseUrl: service.url,
      accessTokenType: 'cookie',
      httpAdapter: browser,
      storage,
    } as const;
    return { browser, storage, client: new AuthClient(config) };
  }

  test('refreshes again and again, and its page sees no token', async () => {
    const { browser, client, storage } = signedIn(await service.open({ extras: EXTRAS }));
    const seen = new Set([browser.cookies.get('refreshToken')!.value]);
    for (let times = 1; times <= 3; times++) {
      expect(await client.refresh()).toBeNull();
      seen.add(browser.cookies.get('refreshToken')!.value);
      const answer = await fetch(resourceUrl(), { headers: { cookie: browser.cookiesFor('/me') } });
      expect(await answer.text()).toBe('ada');
      await database.advance(10_001);
    }
    expect(seen.size).toBe(4);
    expect(storage.keys()).toEqual([]);
    expect(browser.seenByPage).not.toMatch(/rt1_|eyJ|trusted-device/);
  });

  test('keeps the refresh token out of requests for resources', async () => {
    const { browser, client } = signedIn(await service.open());
    await client.refresh();
    expect(browser.cookiesFor('/me')).toMatch(/^accessToken=eyJ[^;]+$/);
    expect(browser.cookiesFor('/auth/refresh-token')).toMatch(/refreshToken=rt1_/);
  });

  test('signs out if its session was ended', async () => {
    const opened = await service.open();
    const { client } = signedIn(opened);
    let signedOut = 0;
    client.onLogout(() => (signedOut += 1));
    await service.api('DELETE', `/sessions/${opened.session.id}`);
    const code = 'REFRESH_TOKEN_INVALID';
    expect(await failure(client.refresh())).toMatchObject({ kind: 'rejected', statusCode: 401, code });
    expect(signedOut).toBe(1);
  });
});
