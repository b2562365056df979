import { randomBytes } from 'node:crypto';
import { startService, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';
import { waitUntil } from '../support/wait-until.ts';
import { AnIssuer } from './an-issuer.ts';

const SETTINGS = {
  CONTRACTS: 'plec,watchr@/watchr,nest-auth,dynamosql,akinon@/akinon,oauth',
  LEGACY_TOKENS: 'issuer@2999-12-31',
  LEGACY_ISSUER_CLIENT_ID: 'an-app',
  LEGACY_ISSUER_CLIENT_SECRET: 'a secret: with/signs',
  LEGACY_ISSUER_CLAIMS: 'tenant=org_id,roles=https://example.com/roles',
  LEGACY_COOKIES: 'old',
  ROTATION_GRACE: '60s',
};

describe('whoever comes with a token of an issuer that exports nothing', () => {
  const { database } = useDatabase();
  const issuer = new AnIssuer();
  let service: TestService;
  let endpoint: string;
  const start = (more = {}): Promise<TestService> =>
    startService({
      DATABASE_URL: database.url,
      LEGACY_ISSUER_TOKEN_ENDPOINT: endpoint,
      ...SETTINGS,
      ...more,
    });

  beforeAll(async () => {
    endpoint = await issuer.start();
    service = await start();
  });
  beforeEach(() => {
    issuer.mood = 'well';
    issuer.asked = 0;
    issuer.redeemed = 0;
  });
  afterAll(async () => {
    await service.stop();
    await issuer.stop();
  });

  const refresh = async (token: string, at = service): Promise<[number, Record<string, string>]> => {
    const answer = await at.refresh(token);
    return [answer.status, (await answer.json()) as Record<string, string>];
  };
  const claimsIn = (jwt: string): unknown =>
    JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString());
  /** The claims of a token that is being redeemed run out. */
  const passTime = (seconds: number): Promise<unknown> =>
    database.query(
      `UPDATE public.legacy_redemptions SET held_until = held_until - $1::int * interval '1 second',
      first_at = first_at - $1::int * interval '1 second'`,
      [seconds],
    );

  test('has a session here, with the claims that the issuer knows', async () => {
    const token = issuer.signIn({
      ...{ sub: 'auth0|ada', org_id: 'acme', email: 'ada@example.com', auth_time: 1_790_000_000 },
      'https://example.com/roles': ['admin'],
    });
    const [status, { accessToken, refreshToken }] = await refresh(token);
    expect(status).toBe(200);
    expect(refreshToken).toMatch(/^rt1_/);
    expect(claimsIn(accessToken!)).toMatchObject({
      ...{ sub: 'auth0|ada', tenant: 'acme', roles: ['admin'], scope: 'openid offline_access' },
      ...{ client_id: 'an-app', auth_time: 1_790_000_000 },
    });
    expect(claimsIn(accessToken!)).not.toHaveProperty('email');
    expect(Object.fromEntries(issuer.last!.form)).toEqual({
      ...{ grant_type: 'refresh_token', refresh_token: token, client_id: 'an-app' },
    });
    expect(issuer.last!.authorization).toBe(`Basic ${btoa('an-app:a+secret%3A+with%2Fsigns')}`);
    expect(await database.dump()).not.toContain(token);
  });

  test('redeems it once, in however many tabs, at however many replicas', async () => {
    const replica = await start();
    try {
      const token = issuer.signIn({ sub: 'ada' });
      issuer.mood = 'slow';
      const asked = Array.from({ length: 10 }, (_, at) => refresh(token, at < 7 ? service : replica));
      await waitUntil('the issuer is asked', () => issuer.asked > 0);
      issuer.hurry();
      const answers = await Promise.all(asked);
      const good = answers.filter(([status]) => status === 200);
      // Those at the replica that was second may be told to come again: by then it is known there, too.
      expect(answers.filter(([status]) => status !== 200 && status !== 503)).toEqual([]);
      expect(good.length).toBeGreaterThanOrEqual(3);
      const again = [await refresh(token), await refresh(token, replica)];
      expect(new Set([...good, ...again].map(([, { refreshToken }]) => refreshToken)).size).toBe(1);
      expect([issuer.asked, issuer.redeemed]).toEqual([1, 1]);
    } finally {
      await replica.stop();
    }
  });

  test('is looked for once more by whoever comes to redeem it as its session is written', async () => {
    const replica = await start();
    try {
      const token = issuer.signIn({ sub: 'ada' });
      issuer.mood = 'slow';
      const first = refresh(token);
      await waitUntil('the issuer is asked', () => issuer.asked > 0);
      // The other replica knows of no session, and comes to its claim when there is one.
      await database.query('BEGIN');
      await database.query('LOCK TABLE public.legacy_redemptions IN ACCESS EXCLUSIVE MODE');
      const second = refresh(token, replica);
      const sees = (sql: string) => async (): Promise<boolean> => (await database.query(sql)).length > 0;
      await waitUntil(
        'the other wants to redeem it',
        sees(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`),
      );
      issuer.hurry();
      await waitUntil(
        'the session is there',
        sees(
          'SELECT FROM public.legacy_tokens JOIN public.legacy_redemptions USING (lookup) WHERE held_until > now()',
        ),
      );
      await database.query(`UPDATE public.legacy_redemptions SET held_until = now() - interval '1 second'`);
      await database.query('COMMIT');
      expect([(await first)[0], (await second)[0]]).toEqual([200, 200]);
      expect([issuer.asked, issuer.redeemed]).toEqual([1, 1]);
    } finally {
      await replica.stop();
    }
  });

  test('is held to the rules from then on, without the issuer', async () => {
    const token = issuer.signIn({ sub: 'ada' });
    const [, { refreshToken }] = await refresh(token);
    const endWindows = (): Promise<unknown> =>
      database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour'`);
    await endWindows();
    expect((await refresh(refreshToken!))[0]).toBe(200);
    await endWindows();
    expect(await refresh(token)).toMatchObject([401, { code: 'REUSED' }]);
    expect(issuer.asked).toBe(1);
  });

  const MOODS: Readonly<Record<string, AnIssuer['mood']>> = {
    'cuts the connection': (response) => response.destroy(),
    'answers 500': (response) => response.writeHead(500).end('{}'),
    'answers 429': (response) =>
      response.writeHead(429, { 'retry-after': '60' }).end('{"error":"too_many_requests"}'),
    'does not know this client': (response) => response.writeHead(401).end('{"error":"invalid_client"}'),
    'answers with a page': (response) => response.writeHead(200).end('<html></html>'),
    'answers without end': (response) => {
      response.writeHead(200);
      response.end(`"${'x'.repeat(1_000_000)}"`);
    },
    'sends elsewhere': (response) => response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end(),
  };

  test.each(Object.entries(MOODS))(
    'keeps it while the issuer %s, and is let in afterwards',
    async (_what, mood) => {
      const token = issuer.signIn({ sub: 'ada' });
      issuer.mood = mood;
      const answer = await service.refresh(token);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      issuer.mood = 'well';
      expect((await refresh(token))[0]).toBe(200);
    },
  );

  test('keeps it, though the issuer has used it up, while the database is away', async () => {
    const token = issuer.signIn({ sub: 'ada' });
    issuer.mood = 'slow';
    const asked = refresh(token);
    await waitUntil('the issuer is asked', () => issuer.asked > 0);
    await database.query('BEGIN');
    await database.query('LOCK TABLE public.sessions IN ACCESS EXCLUSIVE MODE');
    issuer.hurry();
    expect((await asked)[0]).toBe(503);
    expect(issuer.redeemed).toBe(1);
    await database.query('COMMIT');
    // It is written as soon as it can be, whoever asks or not.
    await waitUntil('the session is there', async () => (await refresh(token))[0] === 200);
    expect([issuer.asked, issuer.redeemed]).toEqual([1, 1]);
  });

  test('is told to come again, not that it is none, where another has used it up a moment ago', async () => {
    const token = issuer.signIn({ sub: 'ada' });
    // Killed between the issuer's answer and its writing: the token is used up, and the claim is left.
    issuer.mood = (response) => response.destroy();
    expect((await refresh(token))[0]).toBe(503);
    issuer.mood = (response) => response.writeHead(400).end('{"error":"invalid_grant"}');
    expect((await refresh(token))[0]).toBe(503);
    await passTime(180);
    expect(await refresh(token)).toMatchObject([401, { code: 'MALFORMED_TOKEN' }]);
  });

  test('is asked about once, if the issuer says that it is none', async () => {
    const token = randomBytes(32).toString('base64url');
    for (let time = 0; time < 5; time++)
      expect(await refresh(token)).toMatchObject([401, { code: 'MALFORMED_TOKEN' }]);
    expect(issuer.asked).toBe(1);
    await passTime(700);
    expect((await refresh(token))[0]).toBe(401);
    expect(issuer.asked).toBe(2);
  });

  test('is not asked about what is no token by its form, at a dry run, or at a logout', async () => {
    const token = issuer.signIn({ sub: 'ada' });
    for (const text of ['short', 'with a blank in the middle', `rt1_${'x'.repeat(60)}`, 'ü'.repeat(20)])
      expect((await refresh(text))[0]).toBe(401);
    expect((await service.refresh(token, '?dryRun=true')).status).toBe(401);
    expect((await service.post('/auth/logout', { refreshToken: token })).status).toBe(204);
    expect(issuer.asked).toBe(0);
    expect((await refresh(token))[0]).toBe(200);
  });

  test('cannot flood the issuer: guesses are limited, and so is what is under way at once', async () => {
    const limited = await start({ RATE_LIMIT_UNKNOWN_TOKENS: '5' });
    try {
      const statuses = [];
      for (let guess = 0; guess < 12; guess++)
        statuses.push((await limited.refresh(randomBytes(32).toString('base64url'))).status);
      expect(statuses.filter((status) => status === 429)).toHaveLength(7);
      expect(issuer.asked).toBe(5);
      issuer.mood = 'slow';
      let turnedAway = 0;
      const flood = Array.from({ length: 60 }, async () => {
        const [status] = await refresh(randomBytes(32).toString('base64url'));
        if (status === 503) turnedAway++;
        return status;
      });
      await waitUntil('all others are told to come again', () => turnedAway === 40);
      expect(issuer.asked).toBe(25);
      issuer.hurry();
      expect((await Promise.all(flood)).filter((status) => status === 401)).toHaveLength(20);
    } finally {
      await limited.stop();
    }
  });

  test('is understood over every contract with a token in a body or a cookie', async () => {
    const ask = (path: string, body: unknown, headers = {}): Promise<Response> =>
      service.post(path, body, headers);
    const bodies: [string, (token: string) => Promise<Response>, number][] = [
      ['plec', (token) => ask('/auth/refresh', undefined, { cookie: `old=${token}` }), 200],
      ['watchr', (token) => ask('/watchr/auth/refresh', undefined, { cookie: `old=${token}` }), 200],
      ['nest-auth', (refreshToken) => ask('/auth/refresh-token', { refreshToken }), 200],
      ['dynamosql', (refreshToken) => ask('/v1/auth/refresh', { refreshToken }), 200],
      [
        'akinon',
        (refresh_token) => ask('/akinon/api/v1/auth/refresh-token', { refreshToken: refresh_token }),
        201,
      ],
    ];
    for (const [contract, present, good] of bodies) {
      const token = issuer.signIn({ sub: contract });
      issuer.mood = (response) => response.writeHead(503).end('{}');
      expect([contract, (await present(token)).status]).toEqual([contract, 503]);
      issuer.mood = 'well';
      expect([contract, (await present(token)).status]).toEqual([contract, good]);
      expect([contract, (await present(randomBytes(32).toString('base64url'))).status]).not.toEqual([
        contract,
        200,
      ]);
    }
  });

  test('goes on as the client’s session over OAuth, where it is registered under the same id', async () => {
    expect((await service.api('POST', '/clients', { id: 'an-app', authMethod: 'none' })).status).toBe(201);
    const token = issuer.signIn({ sub: 'ada' });
    const form = { client_id: 'an-app', grant_type: 'refresh_token', refresh_token: token };
    const answer = await fetch(`${service.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    expect(answer.status).toBe(200);
    expect((await service.api('DELETE', '/clients/an-app')).status).toBe(204);
  });

  test('is not taken after the lane has closed', async () => {
    const closed = await start({ LEGACY_TOKENS: 'issuer@2026-01-01' });
    try {
      expect((await refresh(issuer.signIn({ sub: 'ada' }), closed))[0]).toBe(401);
      expect(issuer.asked).toBe(0);
    } finally {
      await closed.stop();
    }
  });
});
