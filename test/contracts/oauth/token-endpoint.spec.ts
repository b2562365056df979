import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { TestDatabase } from '../../support/database.ts';
import { startIssuer, startService, type TestService } from '../../support/service.ts';
import { register, type Registered } from './registered.ts';

interface Answer {
  status: number;
  headers: Headers;
  body: {
    error?: string;
    error_description?: string;
    refresh_token?: string;
    access_token?: string;
    [member: string]: unknown;
  };
}

const BAD_TOKEN = {
  error: 'invalid_grant',
  error_description: 'The refresh token is not valid for this client',
};

describe('the OAuth contract', () => {
  let database: TestDatabase;
  let service: TestService;
  let replica: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startIssuer({ DATABASE_URL: database.url, CONTRACTS: 'oauth,plec' });
    replica = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'oauth,plec',
      ISSUER: service.url,
    });
  });

  afterAll(async () => {
    await Promise.all([service.stop(), replica.stop()]);
    await database.drop();
  });

  async function post(
    path: string,
    form: string | Record<string, string>,
    headers: Record<string, string> = {},
    at = service,
  ): Promise<Answer> {
    const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(at.url + path, { method: 'POST', headers: { ...type, ...headers }, body });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text ? JSON.parse(text) : {}) as Answer['body'],
    };
  }

  const basic = ({ id, secret }: Registered): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${secret!}`).toString('base64')}`,
  });
  const refresh = (client: Registered, token: string, more: Record<string, string> = {}): Promise<Answer> =>
    post('/oauth/token', { grant_type: 'refresh_token', refresh_token: token, ...more }, basic(client));
  const generationOf = async (id: string): Promise<unknown> =>
    (await database.query('SELECT generation, revoked_at FROM sessions WHERE id = $1', [id]))[0];
  const UNSPENT = { generation: 0, revoked_at: null };

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
    });
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
    await refresh(client, reused.refreshToken);
    await database.advance(10_001);
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

  describe('authenticates clients, so that', () => {
    test.each<[who: string, way: (client: Registered) => [Record<string, string>, Record<string, string>]]>([
      ['one with a wrong secret', (client) => [{}, basic({ ...client, secret: 'wrong' })]],
      ['one that does not exist', (client) => [{}, basic({ ...client, id: 'nobody' })]],
      ['a confidential one without a secret', ({ id }) => [{ client_id: id }, {}]],
      [
        'one that uses another method than registered',
        ({ id, secret }) => [{ client_id: id, client_secret: secret! }, {}],
      ],
      ['one that names nobody', () => [{}, {}]],
      ['one with a bearer token', () => [{}, { authorization: 'Bearer abc' }]],
      ['one whose header is no base64', () => [{}, { authorization: 'Basic ???' }]],
      [
        'one with an assertion that is none',
        ({ id }) => [
          {
            client_id: id,
            client_assertion: 'a.b.c',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          },
          {},
        ],
      ],
    ])('%s is told invalid_client, and spends nothing', async (_who, way) => {
      const client = await register(service);
      const { refreshToken, session } = await service.open({ clientId: client.id });
      const [form, headers] = way(client);
      for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
        const answer = await post(
          path,
          { grant_type: 'refresh_token', refresh_token: refreshToken, token: refreshToken, ...form },
          headers,
        );
        expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
        expect(answer.headers.get('www-authenticate')).toBe(
          headers['authorization'] ? 'Basic realm="ratchet"' : null,
        );
      }
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    });

    test('an assertion is good once, for both replicas', async () => {
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const client = await register(service, {
        authMethod: 'private_key_jwt',
        jwks: { keys: [await exportJWK(publicKey)] },
      });
      const sign = (claims: JWTPayload): Promise<string> =>
        new SignJWT({ iss: client.id, sub: client.id, aud: service.url, jti: randomUUID(), ...claims })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('1m')
          .sign(privateKey);
      const send = async (assertion: string, at = service): Promise<unknown> => {
        const form = {
          grant_type: 'refresh_token',
          refresh_token: 'a',
          client_assertion: assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        };
        return (await post('/oauth/token', form, {}, at)).body.error;
      };
      const assertion = await sign({});
      expect([await send(assertion), await send(assertion), await send(assertion, replica)]).toEqual([
        'invalid_grant',
        'invalid_client',
        'invalid_client',
      ]);
      expect(await send(await sign({ aud: `${service.url}/oauth/token` }))).toBe('invalid_grant');
      expect(await send(await sign({ aud: 'https://elsewhere.example' }))).toBe('invalid_client');
      expect(await send(await sign({ sub: 'somebody' }))).toBe('invalid_client');
    });

    test('a public one may not introspect', async () => {
      const { id } = await register(service, { authMethod: 'none' });
      const answer = await post('/oauth/introspect', { client_id: id, token: 'a' });
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    });
  });

  describe('binds tokens of public clients to a key, so that', () => {
    async function bound(): Promise<{
      client: Registered;
      token: string;
      id: string;
      prove: (claims?: JWTPayload, header?: object) => Promise<string>;
      proveOther: (claims?: JWTPayload) => Promise<string>;
    }> {
      const client = await register(service, { authMethod: 'none', dpopRequired: true });
      const [mine, others] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
      const jwk = await exportJWK(mine.publicKey);
      const { refreshToken, session } = await service.open({
        clientId: client.id,
        dpopJkt: await calculateJwkThumbprint(jwk),
      });
      const proof = async (
        { privateKey, publicKey }: typeof mine,
        claims: JWTPayload,
        header: object,
      ): Promise<string> =>
        new SignJWT({
          htm: 'POST',
          htu: `${service.url}/oauth/token`,
          jti: randomUUID(),
          nonce: await nonce(),
          iat: Math.floor(Date.now() / 1000),
          ...claims,
        })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey), ...header })
          .sign(privateKey);
      return {
        client,
        token: refreshToken,
        id: session.id,
        prove: (claims = {}, header = {}) => proof(mine, claims, header),
        proveOther: (claims = {}) => proof(others, claims, {}),
      };
    }

    let known: string | undefined;
    async function nonce(): Promise<string> {
      if (known) return known;
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const proof = await new SignJWT({ htm: 'POST', htu: `${service.url}/oauth/token`, jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
        .setIssuedAt()
        .sign(privateKey);
      const { id } = await register(service, { authMethod: 'none' });
      const answer = await post(
        '/oauth/token',
        { grant_type: 'refresh_token', refresh_token: 'a', client_id: id },
        { dpop: proof },
      );
      expect([answer.status, answer.body.error]).toEqual([400, 'use_dpop_nonce']);
      return (known = answer.headers.get('dpop-nonce')!);
    }

    const send = (
      { client, token }: { client: Registered; token: string },
      dpop?: string,
      at = service,
    ): Promise<Answer> =>
      post(
        '/oauth/token',
        { grant_type: 'refresh_token', refresh_token: token, client_id: client.id },
        dpop === undefined ? {} : { dpop },
        at,
      );

    test('a proof of the same key refreshes', async () => {
      const session = await bound();
      const answer = await send(session, await session.prove());
      expect([answer.status, answer.body['token_type']]).toEqual([200, 'DPoP']);
    });

    test('a proof of another key is refused, and the token is unspent', async () => {
      const session = await bound();
      expect((await send(session, await session.proveOther())).body).toEqual(BAD_TOKEN);
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    });

    test('no proof is refused, and the token is unspent', async () => {
      const session = await bound();
      expect((await send(session)).body.error).toBe('invalid_dpop_proof');
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    });

    test('a proof is good once, for both replicas', async () => {
      const session = await bound();
      const proof = await session.prove();
      expect((await send(session, proof)).status).toBe(200);
      for (const at of [service, replica])
        expect((await send(session, proof, at)).body.error).toBe('invalid_dpop_proof');
      // A new proof for the same token is a retry like any other.
      expect((await send(session, await session.prove(), replica)).status).toBe(200);
    });

    const FLAWED: Record<string, [claims: JWTPayload, header?: object]> = {
      'for another method': [{ htm: 'GET' }],
      'for another URL': [{ htu: 'https://elsewhere.example/oauth/token' }],
      'of an hour ago': [{ iat: Math.floor(Date.now() / 1000) - 3_600 }],
      'from tomorrow': [{ iat: Math.floor(Date.now() / 1000) + 86_400 }],
      'without a jti': [{ jti: undefined } as unknown as JWTPayload],
      'with a jti of 100 KB': [{ jti: 'x'.repeat(9_000) }],
      'of another type': [{}, { typ: 'JWT' }],
      'without its key': [{}, { jwk: undefined }],
    };
    test.each(Object.keys(FLAWED))('a proof %s is refused, and the token is unspent', async (what) => {
      const session = await bound();
      const answer = await send(session, await session.prove(...FLAWED[what]!));
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_dpop_proof']);
      expect(await generationOf(session.id)).toEqual(UNSPENT);
    });

    test.each(['nonsense', 'a.b.c', 'eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30.', 'a, b'])(
      'the proof %s is refused',
      async (proof) => {
        const session = await bound();
        expect((await send(session, proof)).body.error).toBe('invalid_dpop_proof');
      },
    );

    test('a nonce of somebody else’s is asked for anew', async () => {
      const session = await bound();
      const answer = await send(session, await session.prove({ nonce: 'x'.repeat(43) }));
      expect(answer.body.error).toBe('use_dpop_nonce');
      expect(answer.headers.get('dpop-nonce')).toBe(await nonce());
    });
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

  test('says of a refresh token of another client’s that it is inactive', async () => {
    const [owner, other] = [await register(service), await register(service)];
    const { refreshToken } = await service.open({ clientId: owner.id });
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(other))).body).toEqual({
      active: false,
    });
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(owner))).body).toMatchObject({
      active: true,
    });
    await refresh(owner, refreshToken);
    await database.advance(10_001);
    expect((await post('/oauth/introspect', { token: refreshToken }, basic(owner))).body).toEqual({
      active: false,
    });
  });

  test('publishes metadata of which every endpoint is there', async () => {
    const metadata = (await (
      await fetch(`${service.url}/.well-known/oauth-authorization-server`)
    ).json()) as Record<string, string>;
    expect(metadata['issuer']).toBe(service.url);
    expect((await fetch(metadata['jwks_uri']!)).status).toBe(200);
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      const response = await fetch(metadata[`${endpoint}_endpoint`]!, { method: 'POST' });
      expect([400, 401]).toContain(response.status);
    }
  });
});
