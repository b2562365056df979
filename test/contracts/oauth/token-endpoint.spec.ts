import { decodeJwt } from 'jose';
import { TestDatabase } from '../../support/database.ts';
import { SETTINGS, startService, type TestService } from '../../support/service.ts';
import { register, type Registered } from './registered.ts';
import { BAD_TOKEN, UNSPENT, basic, useIssuer, type Answer } from './use-issuer.ts';

describe('the OAuth contract', () => {
  const { database, service, post, refresh, generationOf } = useIssuer();

  test('answers a refresh as RFC 6749 section 5.1 has it', async () => {
    const client = await register(service);
    const { refreshToken } = await service.open({ clientId: client.id, scope: 'read write' });
    const { status, headers, body } = await refresh(client, refreshToken);
    expect([status, headers.get('cache-control'), headers.get('pragma')]).toEqual([
      200,
      'no-store',
      'no-cache',
    ]);
    expect(body).toEqual({
      access_token: expect.any(String) as string,
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^rt1_/) as string,
      scope: 'read write',
      refresh_token_timeout: 14 * 86_400,
      authorization_expires_in: expect.closeTo(90 * 86_400, -1) as number,
    });
  });

  test('says how long the refresh token and the session live, which ends first and whether it stays', async () => {
    const [rotating, touching] = [
      await register(service),
      await register(service, { refreshMode: 'touch', rotationGrace: 0 }),
    ];
    for (const client of [rotating, touching]) {
      const { refreshToken } = await service.open({
        clientId: client.id,
        lifetimes: { idle: 604_800, max: 2_592_000 },
      });
      let token = refreshToken;
      const days = async (): Promise<number[]> => {
        const { body } = await refresh(client, token);
        token = body.refresh_token ?? token;
        return [body['refresh_token_timeout'], body['authorization_expires_in']].map((seconds) =>
          Math.round(Number(seconds) / 86_400),
        );
      };
      // The example of the draft, section 5.4, but for the sixth day in place of the seventh.
      expect(await days()).toEqual([7, 30]);
      for (const left of [24, 18, 12, 6]) {
        await database.advance(6 * 86_400_000);
        expect(await days()).toEqual([Math.min(7, left), left]);
      }
    }
  });

  test('gives nothing out in the last second of a session, which has no second left to give', async () => {
    const frozen = await TestDatabase.create();
    await frozen.freeze();
    const at = await startService({ DATABASE_URL: frozen.url, CONTRACTS: 'oauth,dynamosql,plec' });
    try {
      const client = await register(at);
      const [mine, anybodys] = [await at.open({ clientId: client.id }), await at.open()];
      await frozen.query(
        `UPDATE sessions SET expires_at = date_trunc('second', created_at) + interval '999 milliseconds'`,
      );
      const form = { grant_type: 'refresh_token', refresh_token: mine.refreshToken };
      const { status, body } = await post('/oauth/token', form, basic(client), at);
      expect([status, body]).toEqual([400, BAD_TOKEN]);
      for (const path of ['/v1/auth/refresh', '/auth/refresh'])
        expect((await at.post(path, { refreshToken: anybodys.refreshToken })).status).toBe(401);
    } finally {
      await at.stop();
      await frozen.drop();
    }
  });

  test('refuses a parameter that comes twice, whatever its name and however many come before it', async () => {
    const many = Array.from({ length: 2_000 }, (_, at) => `p${at}`).join('&');
    for (const twice of [
      'grant_type=refresh_token&grant_type=refresh_token',
      '__proto__&__proto__',
      '%ff&%ff',
    ]) {
      const { status, body } = await post('/oauth/token', `${many}&${twice}`);
      expect([status, body]).toEqual([
        400,
        { error: 'invalid_request', error_description: 'A parameter was sent more than once' },
      ]);
    }
  });

  test('says of every kind of bad token the same', async () => {
    const [client, other] = [await register(service), await register(service)];
    const open = (more: object = {}): ReturnType<TestService['open']> =>
      service.open({ clientId: client.id, ...more });
    const revoked = await open();
    await service.api('DELETE', `/sessions/${revoked.session.id}`);
    const gone = await open();
    await database.query('DELETE FROM sessions WHERE id = $1', [gone.session.id]);
    const [expired, idle, reused] = [
      await open({ lifetimes: { max: 5 } }),
      await open({ lifetimes: { idle: 5 } }),
      await open(),
    ];
    const { body } = await refresh(client, reused.refreshToken);
    await database.advance(10_001);
    await refresh(client, String(body['refresh_token']));
    const foreign = await service.open({ clientId: other.id });
    const unbound = await service.open();
    const bad = [revoked, gone, expired, idle, reused, foreign, unbound].map(
      ({ refreshToken }) => refreshToken,
    );
    for (const token of [...bad, 'nonsense', revoked.accessToken]) {
      const { status, body } = await refresh(client, token);
      expect([status, body]).toEqual([400, BAD_TOKEN]);
    }
  });

  test('does not spend a token that another client presents, or ends its session', async () => {
    const [owner, other] = [await register(service), await register(service)];
    const { refreshToken, session } = await service.open({ clientId: owner.id });
    expect((await refresh(other, refreshToken)).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
    expect((await refresh(owner, refreshToken)).status).toBe(200);
    await database.advance(10_001);
    // Even a superseded one: it is not the other's to end.
    expect((await refresh(other, refreshToken)).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toEqual({ generation: 1, revoked_at: null });
  });

  test('keeps a client’s tokens from contracts that authenticate no client', async () => {
    const client = await register(service);
    const { refreshToken, session } = await service.open({ clientId: client.id });
    const response = await service.refresh(refreshToken);
    expect([response.status, await response.json()]).toEqual([
      401,
      { message: expect.any(String) as string, code: 'WRONG_CLIENT' },
    ]);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
  });

  test('narrows the scope for one access token, and refuses a wider one without spending the token', async () => {
    const client = await register(service);
    const { refreshToken, session } = await service.open({ clientId: client.id, scope: 'read write' });
    const wider = await refresh(client, refreshToken, { scope: 'read admin' });
    expect([wider.status, wider.body.error]).toEqual([400, 'invalid_scope']);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
    const narrower = await refresh(client, refreshToken, { scope: 'write' });
    expect(narrower.body).toMatchObject({ scope: 'write' });
    const claims = JSON.parse(
      Buffer.from(narrower.body.access_token!.split('.')[1]!, 'base64url').toString(),
    ) as object;
    expect(claims).toMatchObject({ scope: 'write' });
    await database.advance(10_001);
    expect((await refresh(client, narrower.body.refresh_token!)).body).toMatchObject({ scope: 'read write' });
  });

  test.each([
    '%20',
    '+',
    '++',
    'read++write',
    '+read',
    'read+',
    'read%09write',
    'read%0A',
    'r%C3%A9ad',
    'a%22b',
  ])('refuses the scope %j, which is none, and spends nothing', async (scope) => {
    const client = await register(service);
    for (const granted of [undefined, 'read write']) {
      const { refreshToken, session } = await service.open({ clientId: client.id, scope: granted });
      const form = `grant_type=refresh_token&refresh_token=${refreshToken}&scope=${scope}`;
      const answer = await post('/oauth/token', form, basic(client));
      expect([granted, answer.status, answer.body.error]).toEqual([granted, 400, 'invalid_scope']);
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    }
  });

  test.each<[what: string, more: Record<string, string>]>([
    ['a scope beyond the session’s', { scope: 'admin' }],
    ['a scope that is none', { scope: ' ' }],
    ['a resource that is not the session’s', { resource: 'https://elsewhere.example' }],
  ])('ends the session of a superseded token, though it comes with %s', async (_what, more) => {
    const client = await register(service);
    const { refreshToken, session } = await service.open({ clientId: client.id, scope: 'read' });
    const { body } = await refresh(client, refreshToken);
    await database.advance(10_001);
    await refresh(client, body.refresh_token!);
    await database.advance(10_001);
    expect((await refresh(client, refreshToken, more)).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toMatchObject({ revoked_at: expect.any(Date) as Date });
    // Nor is it told of the scope of a session that has ended.
    expect((await refresh(client, refreshToken, more)).body).toEqual(BAD_TOKEN);
  });

  describe('narrows the audience by resource (RFC 8707), so that', () => {
    const AUDIENCES = ['https://one.example/api', 'https://two.example', 'urn:three'];
    const ask = async (
      resources: readonly string[],
      audience?: readonly string[],
    ): Promise<{ answer: Answer; id: string; client: Registered }> => {
      const client = await register(service);
      const { refreshToken, session } = await service.open({ clientId: client.id, audience });
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
      for (const resource of resources) form.append('resource', resource);
      return { answer: await post('/oauth/token', form.toString(), basic(client)), id: session.id, client };
    };

    test.each<[resources: readonly string[], audience: readonly string[] | undefined, aud: unknown]>([
      [[AUDIENCES[1]!], AUDIENCES, AUDIENCES[1]],
      [[AUDIENCES[2]!], AUDIENCES, AUDIENCES[2]],
      [AUDIENCES.slice(0, 2), AUDIENCES, AUDIENCES.slice(0, 2)],
      [[AUDIENCES[0]!, AUDIENCES[0]!], AUDIENCES, AUDIENCES[0]],
      [[], AUDIENCES, AUDIENCES],
      [[''], AUDIENCES, AUDIENCES],
      [[SETTINGS['AUDIENCE']!], undefined, SETTINGS['AUDIENCE']],
    ])('%j of %j makes a token for %j, and the next is for all again', async (resources, audience, aud) => {
      const { answer, client } = await ask(resources, audience);
      expect(decodeJwt(answer.body.access_token!).aud).toEqual(aud);
      const whole = await refresh(client, answer.body.refresh_token!);
      expect(decodeJwt(whole.body.access_token!).aud).toEqual(audience ?? SETTINGS['AUDIENCE']);
    });

    test.each<[resources: readonly string[], audience: readonly string[] | undefined]>([
      [['https://elsewhere.example'], AUDIENCES],
      [[AUDIENCES[0]!, 'https://elsewhere.example'], AUDIENCES],
      [[SETTINGS['AUDIENCE']!], AUDIENCES],
      [[AUDIENCES[0]!], undefined],
      [['https://one.example/api#'], ['https://one.example/api', 'https://one.example/api#']],
      [['api'], ['api']],
      [['/api'], AUDIENCES],
      [['https://one.example/ api'], AUDIENCES],
      [[' '], AUDIENCES],
    ])('%j of %j is refused, and spends nothing', async (resources, audience) => {
      const { answer, id } = await ask(resources, audience);
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_target']);
      expect(await generationOf(id)).toEqual(UNSPENT);
    });

    test('only the token endpoint takes it twice', async () => {
      const client = await register(service);
      for (const path of ['/oauth/revoke', '/oauth/introspect']) {
        const { status, body } = await post(path, 'token=a&resource=urn:a&resource=urn:b', basic(client));
        expect([path, status, body.error]).toEqual([path, 400, 'invalid_request']);
      }
    });
  });

  test.each<[what: string, form: string, status: number, error: string]>([
    ['no parameters', '', 400, 'invalid_request'],
    ['no grant type', 'refresh_token=a', 400, 'invalid_request'],
    ['an empty grant type', 'grant_type=&refresh_token=a', 400, 'invalid_request'],
    ['another grant type', 'grant_type=password&username=a&password=b', 400, 'unsupported_grant_type'],
    ['no refresh token', 'grant_type=refresh_token', 400, 'invalid_request'],
    ['an empty refresh token', 'grant_type=refresh_token&refresh_token=', 400, 'invalid_request'],
    [
      'the refresh token twice',
      'grant_type=refresh_token&refresh_token=a&refresh_token=a',
      400,
      'invalid_request',
    ],
    [
      'an unknown parameter twice',
      'grant_type=refresh_token&refresh_token=a&x=1&x=2',
      400,
      'invalid_request',
    ],
    ['an unknown parameter', 'grant_type=refresh_token&refresh_token=a&x=1', 400, 'invalid_grant'],
    ['a __proto__', 'grant_type=refresh_token&refresh_token=a&__proto__=1', 400, 'invalid_grant'],
    ['a scope with two blanks', 'grant_type=refresh_token&refresh_token=a&scope=a++b', 400, 'invalid_grant'],
    [
      'two ways of authentication',
      'grant_type=refresh_token&refresh_token=a&client_secret=b',
      400,
      'invalid_request',
    ],
    [
      'another client_id than the header’s',
      'grant_type=refresh_token&refresh_token=a&client_id=b',
      401,
      'invalid_client',
    ],
  ])('answers %s clearly', async (_what, form, status, error) => {
    const client = await register(service);
    const answer = await post('/oauth/token', form, basic(client));
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('reads forms only', async () => {
    const client = await register(service);
    const json = { 'content-type': 'application/json', ...basic(client) };
    const answer = await post('/oauth/token', '{"grant_type":"refresh_token"}', json);
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
    const elsewhere = await post('/auth/refresh', 'refreshToken=a');
    expect([elsewhere.status, elsewhere.body['code']]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  test('speaks its own words where no controller is reached', async () => {
    expect((await post('/oauth/nothing', '')).body.error).toBe('invalid_request');
    const wrongMethod = await fetch(`${service.url}/oauth/token`);
    expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await wrongMethod.json()).toMatchObject({ error: 'invalid_request' });
  });

  test('lets a client be as lenient or as strict as it was registered, or became since', async () => {
    const client = await register(service, { rotationGrace: 30, recoveryWindow: 60 });
    const inspect = async (refreshToken: string): Promise<unknown> =>
      (
        (await (await service.api('POST', '/sessions/inspect', { refreshToken })).json()) as {
          outcome: string;
        }
      ).outcome;
    const { refreshToken, session } = await service.open({ clientId: client.id });
    const first = (await refresh(client, refreshToken)).body.refresh_token!;
    await database.advance(29_000);
    expect(await inspect(refreshToken)).toBe('retry');
    expect((await refresh(client, refreshToken)).body.refresh_token).toBe(first);
    await database.advance(2_000);
    expect(await inspect(first)).toBe('rotate');
    expect(await inspect(refreshToken)).toBe('recover');
    expect((await refresh(client, refreshToken)).status).toBe(200);
    await database.advance(61_000);
    expect(await inspect(refreshToken)).toBe('refused');
    // Strict from now on.
    expect((await service.api('PATCH', `/clients/${client.id}`, { rotationGrace: 0 })).status).toBe(200);
    const next = (await refresh(client, first)).body.refresh_token!;
    const newest = (await refresh(client, next)).body.refresh_token!;
    expect(newest).not.toBe(next);
    expect((await refresh(client, next)).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toMatchObject({ revoked_at: expect.any(Date) as Date });
  });

  test('ends nothing of another client’s on revocation, and says so', async () => {
    const [owner, other] = [await register(service), await register(service)];
    const { refreshToken, accessToken, session } = await service.open({ clientId: owner.id });
    expect((await post('/oauth/revoke', { token: refreshToken }, basic(other))).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
    expect((await post('/oauth/revoke', { token: accessToken }, basic(owner))).body.error).toBe(
      'unsupported_token_type',
    );
    for (const token of ['nonsense', refreshToken, refreshToken]) {
      const { status, body } = await post(
        '/oauth/revoke',
        { token, token_type_hint: 'access_token' },
        basic(owner),
      );
      expect([status, body]).toEqual([200, {}]);
    }
    expect((await refresh(owner, refreshToken)).body).toEqual(BAD_TOKEN);
  });

  test('tells a public client nothing of another’s token, and ends nothing', async () => {
    const [owner, other] = [
      await register(service, { authMethod: 'none' }),
      await register(service, { authMethod: 'none' }),
    ];
    const [foreign, unbound] = [await service.open({ clientId: owner.id }), await service.open()];
    for (const { refreshToken, session } of [foreign, unbound]) {
      const { status, body } = await post('/oauth/revoke', { token: refreshToken, client_id: other.id });
      expect([status, body]).toEqual([200, {}]);
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    }
    await post('/oauth/revoke', { token: foreign.refreshToken, client_id: owner.id });
    expect(await generationOf(foreign.session.id)).toMatchObject({ revoked_at: expect.any(Date) as Date });
  });

  test('says of a refresh token of another client’s that it is inactive', async () => {
    const [owner, other] = [await register(service), await register(service)];
    const { refreshToken } = await service.open({ clientId: owner.id });
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(other))).body).toEqual({
      active: false,
    });
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(owner))).body).toMatchObject({
      active: true,
    });
    const { body } = await refresh(owner, refreshToken);
    await database.advance(10_001);
    const { body: recoverable } = await post('/oauth/introspect', { token: refreshToken }, basic(owner));
    expect(recoverable).toMatchObject({ active: true });
    await refresh(owner, String(body['refresh_token']));
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(owner))).body).toEqual({
      active: false,
    });
  });

  test('says of an access token what it is to its client and to its audience, and to nobody else', async () => {
    const [api, other] = ['https://api.example.com', 'https://other.example.com'];
    const [owner, stranger] = [await register(service), await register(service, { audiences: [other] })];
    const resourceServer = await register(service, { audiences: [other, api] });
    const bound = await service.open({ clientId: owner.id });
    const named = await service.open({ clientId: owner.id, audience: ['https://x.example.com', other] });
    const unbound = await service.open({ clientId: 'mere-name', unbound: true });
    const sees = async (client: Registered, { accessToken }: { accessToken: string }): Promise<unknown> =>
      (await post('/oauth/introspect', { token: accessToken }, basic(client))).body['active'];
    for (const session of [bound, named, unbound]) expect(await sees(resourceServer, session)).toBe(true);
    for (const session of [bound, named]) expect(await sees(owner, session)).toBe(true);
    expect(await sees(stranger, named)).toBe(true);
    for (const session of [bound, unbound]) {
      const { status, body } = await post(
        '/oauth/introspect',
        { token: session.accessToken },
        basic(stranger),
      );
      expect([status, body]).toEqual([200, { active: false }]);
    }
    expect(await sees(owner, unbound)).toBe(false);
    // Of its refresh token nothing is said but to its client.
    expect(
      (await post('/oauth/introspect', { token: bound.refreshToken }, basic(resourceServer))).body,
    ).toEqual({ active: false });
    const amended = await service.api('PATCH', `/clients/${stranger.id}`, { audiences: [api] });
    expect(await amended.json()).toMatchObject({ audiences: [api] });
    expect([await sees(stranger, bound), await sees(stranger, named)]).toEqual([true, false]);
    await service.api('PATCH', `/clients/${stranger.id}`, { audiences: null });
    expect(await sees(stranger, bound)).toBe(false);
  });

  test('introspects the largest access token that it issues', async () => {
    const client = await register(service);
    const claims = { text: 'x'.repeat(4_085) };
    const { accessToken } = await service.open({
      clientId: client.id,
      subject: '\u4e16'.repeat(255),
      scope: Array.from({ length: 64 }, (_, at) => `scope-${at}`.padEnd(31, '.')).join(' '),
      audience: Array.from({ length: 16 }, (_, at) => `https://api-${at}.example.com/`.padEnd(255, 'a')),
      amr: Array.from({ length: 16 }, (_, at) => `way-${at}`.padEnd(64, '\u4e16')),
      claims,
    });
    expect(accessToken.length).toBeGreaterThan(16_384);
    const { status, body } = await post('/oauth/introspect', { token: accessToken }, basic(client));
    expect([status, body['active']]).toEqual([200, true]);
    // Nothing else may be so long.
    expect((await refresh(client, accessToken)).body.error).toBe('invalid_request');
  });

  test('says of a refresh token when it is over if it is not used', async () => {
    const client = await register(service);
    const { refreshToken, session } = await service.open({
      clientId: client.id,
      lifetimes: { idle: 600, max: 6_000 },
    });
    const { idleExpiresAt } = session as unknown as { idleExpiresAt: string };
    const { body } = await post('/oauth/introspect', { token: refreshToken }, basic(client));
    expect(body['exp']).toBe(Math.floor(Date.parse(idleExpiresAt) / 1000));
  });

  test('publishes metadata of which every endpoint is there', async () => {
    const metadata = (await (
      await fetch(`${service.url}/.well-known/oauth-authorization-server`)
    ).json()) as Record<string, string>;
    expect(metadata).toMatchObject({
      issuer: service.url,
      refresh_token_expiration_types_supported: ['authorization', 'token_timeout'],
    });
    // What is empty is left out (RFC 8414 section 3.2).
    expect(Object.values(metadata).filter(({ length }) => length === 0)).toEqual([]);
    expect((await fetch(metadata['jwks_uri']!)).status).toBe(200);
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      const response = await fetch(metadata[`${endpoint}_endpoint`]!, { method: 'POST' });
      expect([400, 401]).toContain(response.status);
    }
  });
});
