import { generateKeyPairSync } from 'node:crypto';
import { TestDatabase } from '../support/database.ts';
import { startService, type OpenedSession, type TestService } from '../support/service.ts';

describe('who registers a client', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'oauth' });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  let count = 0;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwks = { keys: [publicKey.export({ format: 'jwk' })] };

  test('is shown its secret once, and the database does not hold it', async () => {
    const response = await service.api('POST', '/clients', { id: 'web', name: 'Web', scope: 'read write' });
    const registered = (await response.json()) as { secret: string };
    expect(response.status).toBe(201);
    expect(registered).toMatchObject({
      id: 'web',
      authMethod: 'client_secret_basic',
      refreshMode: 'rotate',
      dpopRequired: false,
    });
    expect(registered.secret).toMatch(/^[\w-]{43}$/);
    const read = await (await service.api('GET', '/clients/web')).json();
    expect(read).toEqual({ ...registered, secret: undefined });
    expect(JSON.stringify(await database.query('SELECT * FROM clients'))).not.toContain(registered.secret);
    expect(await (await service.api('GET', '/clients')).json()).toEqual({ clients: [read], next: null });
  });

  test.each<[what: string, wanted: object, mode: string]>([
    [
      'with keys and DPoP keeps its refresh tokens',
      { authMethod: 'private_key_jwt', dpopRequired: true, jwks },
      'touch',
    ],
    [
      'with keys and DPoP is rotated if it asks for it',
      { authMethod: 'private_key_jwt', dpopRequired: true, jwks, refreshMode: 'rotate' },
      'rotate',
    ],
    ['that leaves nothing out but says null is rotated', { authMethod: null, dpopRequired: null }, 'rotate'],
    ['with keys alone is rotated', { authMethod: 'private_key_jwt', jwks }, 'rotate'],
    ['that is public and uses DPoP is rotated', { authMethod: 'none', dpopRequired: true }, 'rotate'],
  ])('%s', async (_what, wanted, mode) => {
    const response = await service.api('POST', '/clients', { id: `client-${++count}`, ...wanted });
    expect(await response.json()).toMatchObject({ refreshMode: mode });
  });

  test('is told when the id is taken', async () => {
    await service.api('POST', '/clients', { id: 'taken' });
    const response = await service.api('POST', '/clients', { id: 'taken' });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      409,
      'CLIENT_EXISTS',
    ]);
  });

  test.each<[what: string, body: object, where: string]>([
    ['no id', {}, 'id'],
    ['an id with a colon', { id: 'a:b' }, 'id'],
    ['an unknown method', { id: 'x', authMethod: 'tls_client_auth' }, 'authMethod'],
    ['private_key_jwt without keys', { id: 'x', authMethod: 'private_key_jwt' }, 'jwks'],
    [
      'keys that are private',
      { id: 'x', authMethod: 'private_key_jwt', jwks: { keys: [privateKey.export({ format: 'jwk' })] } },
      'jwks',
    ],
    [
      'keys that are shared',
      { id: 'x', authMethod: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } },
      'jwks',
    ],
    [
      'keys that are none',
      { id: 'x', authMethod: 'private_key_jwt', jwks: { keys: [{ kty: 'EC' }] } },
      'jwks',
    ],
    ['no keys in the set', { id: 'x', authMethod: 'private_key_jwt', jwks: { keys: [] } }, 'jwks'],
    ['a mode that is none', { id: 'x', refreshMode: 'never' }, 'refreshMode'],
    ['a scope that is none', { id: 'x', scope: ' read' }, 'scope'],
    ['an audience that is a text', { id: 'x', audiences: 'https://api.example.com' }, 'audiences'],
    ['audiences that are numbers', { id: 'x', audiences: [1] }, 'audiences'],
    ['a grace window beyond a minute', { id: 'x', rotationGrace: 61 }, 'rotationGrace'],
    ['a grace window of half a second', { id: 'x', rotationGrace: 0.5 }, 'rotationGrace'],
    ['a recovery window before its time', { id: 'x', recoveryWindow: -1 }, 'recoveryWindow'],
    [
      'a recovery window beyond the configured idle lifetime',
      { id: 'x', recoveryWindow: 1_209_601 },
      'recoveryWindow',
    ],
    [
      'a recovery window beyond its own idle lifetime',
      { id: 'x', recoveryWindow: 601, lifetimes: { idle: 600 } },
      'recoveryWindow',
    ],
  ])('with %s is told which member to mend', async (_what, body, where) => {
    const response = await service.api('POST', '/clients', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ details: { [where]: [expect.any(String)] } });
    expect((await service.api('GET', '/clients/x')).status).toBe(404);
  });

  describe('with keys, is told of each', () => {
    const jwkOf = (type: 'ec' | 'rsa' | 'ed25519', options: object = {}): Record<string, unknown> =>
      generateKeyPairSync(type as 'ec', options as { namedCurve: string }).publicKey.export({
        format: 'jwk',
      });
    const good = jwkOf('ec', { namedCurve: 'P-256' });
    const rsa = jwkOf('rsa', { modulusLength: 2048 });

    test.each<[what: string, key: unknown, told: RegExp]>([
      ['no object', 'key', /must be a JWK/],
      ['nothing', null, /must be a JWK/],
      ['a private EC key', { ...good, d: good['x'] }, /secret member d: use a new key/],
      ['a private RSA key by its prime', { ...rsa, p: 'AAAA' }, /secret member p/],
      ['a shared key', { kty: 'oct', k: 'AAAA' }, /secret member k/],
      ['a shared key without its secret', { kty: 'oct' }, /must be EC on/],
      ['another curve', jwkOf('ec', { namedCurve: 'secp256k1' }), /must be EC on/],
      ['a curve of another kind', { ...good, crv: 'Ed25519' }, /must be EC on/],
      ['a kty of none', { kty: '__proto__', crv: 'P-256' }, /must be EC on/],
      ['an algorithm of another curve', { ...good, alg: 'ES384' }, /for ES256 \(alg\)/],
      ['an algorithm for encryption', { ...rsa, alg: 'RSA-OAEP' }, /for PS256, PS384, PS512, RS256 \(alg\)/],
      ['HS256', { ...good, alg: 'HS256' }, /for ES256/],
      ['use: enc', { ...good, use: 'enc' }, /use must be "sig"/],
      ['key_ops to sign', { ...good, key_ops: ['sign', 'verify'] }, /key_ops must be \["verify"\]/],
      ['key_ops of none', { ...good, key_ops: [] }, /key_ops/],
      ['a kid that is a number', { ...good, kid: 1 }, /kid/],
      ['RSA of 1024 bits', jwkOf('rsa', { modulusLength: 1024 }), /2048 to 8192 bits, and has 1024/],
      ['an exponent of 1', { ...rsa, e: 'AQ' }, /\(e\)|numbers/],
      ['an exponent of 3', { ...rsa, e: 'Aw' }, /\(e\)/],
      ['an even exponent', { ...rsa, e: 'AQAC' }, /\(e\)/],
      ['no modulus', { kty: 'RSA', e: 'AQAB' }, /numbers/],
      ['a point that is not on its curve', { ...good, y: good['x'] }, /numbers/],
      ['the kid of another', { ...rsa, kid: 'first' }, /kid of its own/],
    ])('%s', async (_what, key, told) => {
      const response = await service.api('POST', '/clients', {
        id: 'x',
        authMethod: 'private_key_jwt',
        jwks: { keys: [{ ...good, kid: 'first' }, key] },
      });
      const { details } = (await response.json()) as { details: { jwks: string[] } };
      expect([response.status, details]).toEqual([400, { jwks: [expect.stringMatching(told)] }]);
      expect(details.jwks[0]).toMatch(/^jwks\.keys\[1\] /);
    });

    test.each<[what: string, keys: unknown[]]>([
      [
        'each kind',
        [
          { ...good, alg: 'ES256', use: 'sig', key_ops: ['verify'], kid: 'a', x5c: ['AAAA'], more: 1 },
          { ...rsa, alg: 'PS256', kid: 'b' },
          rsa,
          jwkOf('ec', { namedCurve: 'P-384' }),
          jwkOf('ec', { namedCurve: 'P-521' }),
          { ...jwkOf('ed25519'), alg: 'EdDSA' },
        ],
      ],
      ['ten', Array.from({ length: 10 }, () => good)],
    ])('%s is taken', async (_what, keys) => {
      const registration = { id: `keys-${++count}`, authMethod: 'private_key_jwt', jwks: { keys } };
      const response = await service.api('POST', '/clients', registration);
      expect([response.status, await response.json()]).toMatchObject([201, { jwks: { keys } }]);
    });

    test('that there are too many', async () => {
      const keys = Array.from({ length: 11 }, () => good);
      const registration = { id: 'x', authMethod: 'private_key_jwt', jwks: { keys } };
      expect((await service.api('POST', '/clients', registration)).status).toBe(400);
    });

    test('that they are of no use to a client with a secret', async () => {
      expect((await service.api('POST', '/clients', { id: 'x', jwks })).status).toBe(400);
      await service.api('POST', '/clients', { id: 'secretive' });
      expect((await service.api('PATCH', '/clients/secretive', { jwks })).status).toBe(400);
    });
  });

  test('has no public client keep one refresh token for good, unless it must prove its key', async () => {
    const touching = { authMethod: 'none', refreshMode: 'touch' };
    const refused = [400, { details: { refreshMode: [expect.stringContaining('dpopRequired')] } }];
    const call = async (method: string, path: string, body: object): Promise<unknown> => {
      const response = await service.api(method, path, body);
      return [response.status, await response.json()];
    };
    expect(await call('POST', '/clients', { id: 'x', ...touching })).toMatchObject(refused);
    expect(await call('POST', '/clients', { id: 'native', ...touching, dpopRequired: true })).toMatchObject([
      201,
      touching,
    ]);
    for (const change of [{ dpopRequired: false }, { dpopRequired: null }])
      expect(await call('PATCH', '/clients/native', change)).toMatchObject(refused);
    const rotating = { dpopRequired: false, refreshMode: null };
    expect(await call('PATCH', '/clients/native', rotating)).toMatchObject([200, { refreshMode: 'rotate' }]);
    expect(await call('PATCH', '/clients/native', { refreshMode: 'touch' })).toMatchObject(refused);
    // Not even by two changes that come at once.
    const raced = { id: 'raced', authMethod: 'none', dpopRequired: true };
    await service.api('POST', '/clients', raced);
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        service.api('PATCH', '/clients/raced', { dpopRequired: false }),
        service.api('PATCH', '/clients/raced', { refreshMode: 'touch' }),
      ]);
      const { dpopRequired, refreshMode } = (await (
        await service.api('GET', '/clients/raced')
      ).json()) as Record<string, unknown>;
      expect([dpopRequired, refreshMode]).not.toEqual([false, 'touch']);
      await service.api('PATCH', '/clients/raced', { dpopRequired: true, refreshMode: 'rotate' });
    }
  });

  test('without a service key is let in nowhere', async () => {
    expect((await service.post('/clients', { id: 'mallory' })).status).toBe(401);
    expect((await fetch(`${service.url}/clients`)).status).toBe(401);
  });

  test('gives its sessions lifetimes', async () => {
    await service.api('POST', '/clients', {
      id: 'bounded',
      scope: 'read',
      lifetimes: { accessToken: 60, idle: 600, max: 6_000 },
    });
    const { session } = await service.open({ clientId: 'bounded', scope: 'read' });
    const { createdAt, expiresAt, idleExpiresAt } = session as unknown as Record<string, string>;
    const since = (time: string): number => (Date.parse(time) - Date.parse(createdAt!)) / 1_000;
    expect([since(expiresAt!), since(idleExpiresAt!)]).toEqual([6_000, 600]);
  });

  describe('bounds its sessions, so that', () => {
    const bounds = { scope: 'read write', lifetimes: { accessToken: 60, idle: 600, max: 6_000 } };
    const open = async (session: object): Promise<[number, Record<string, unknown>]> => {
      const response = await service.api('POST', '/sessions', {
        subject: 'ada',
        clientId: 'bounding',
        ...session,
      });
      return [response.status, (await response.json()) as Record<string, unknown>];
    };
    beforeAll(() => service.api('POST', '/clients', { id: 'bounding', ...bounds }));

    test.each<[beyond: object, where: string, bound: string]>([
      [{ scope: 'read admin' }, 'scope', 'read write'],
      [{ lifetimes: { accessToken: 61 } }, 'lifetimes.accessToken', '60 seconds'],
      [{ lifetimes: { idle: 601 } }, 'lifetimes.idle', '600 seconds'],
      [{ lifetimes: { idle: 1, max: 6_001 } }, 'lifetimes.max', '6000 seconds'],
      [{ clientId: 'nobody' }, 'clientId', 'POST /clients'],
      [{ clientId: 'nobody at all' }, 'clientId', 'unbound: true'],
      [{ unbound: true }, 'unbound', 'a registered client'],
      [{ clientId: 'nobody', unbound: 'true' }, 'unbound', 'boolean'],
    ])('none is opened with %j', async (beyond, where, bound) => {
      const [status, body] = await open(beyond);
      expect([status, body]).toMatchObject([400, { details: { [where]: [expect.stringContaining(bound)] } }]);
    });

    test.each<[within: object, seen: object]>([
      [{}, { clientId: 'bounding', clientBound: true, scope: 'read write' }],
      [{ scope: 'write', lifetimes: bounds.lifetimes }, { scope: 'write' }],
      [{ scope: null, lifetimes: { idle: null, max: 1 }, dpopJkt: null }, { scope: 'read write' }],
      [
        { clientId: 'nobody', unbound: true },
        { clientId: 'nobody', clientBound: false, scope: null },
      ],
      [{ clientId: 'bounding', unbound: false }, { clientBound: true }],
      [{ clientId: null }, { clientId: 'test', clientBound: false }],
      [
        { clientId: undefined, unbound: true, scope: 'admin' },
        { clientId: 'test', clientBound: false },
      ],
    ])('one is opened with %j', async (within, seen) => {
      expect(await open(within)).toMatchObject([201, { session: seen }]);
    });

    test('none is changed to a wider scope', async () => {
      const bound = await service.open({ clientId: 'bounding', scope: 'read' });
      const unbound = await service.open({ scope: 'read' });
      const amend = async (
        { session }: typeof bound,
        scope: string | null,
      ): Promise<[number, Record<string, unknown>]> => {
        const response = await service.api('PATCH', `/sessions/${session.id}`, { scope });
        return [response.status, (await response.json()) as Record<string, unknown>];
      };
      expect(await amend(bound, 'read admin')).toMatchObject([
        400,
        { details: { scope: [expect.stringContaining('read write')] } },
      ]);
      expect(await amend(bound, 'read write')).toMatchObject([200, { scope: 'read write' }]);
      expect(await amend(bound, null)).toMatchObject([200, { scope: null }]);
      expect(await amend(unbound, 'admin')).toMatchObject([200, { scope: 'admin' }]);
    });
  });

  test('that must prove its key names it when a session is opened, and its first access token is bound to it', async () => {
    await service.api('POST', '/clients', { id: 'spa', authMethod: 'none', dpopRequired: true });
    await service.api('POST', '/clients', { id: 'app', authMethod: 'none' });
    await service.api('POST', '/clients', {
      id: 'bank',
      authMethod: 'private_key_jwt',
      jwks,
      dpopRequired: true,
    });
    await service.api('POST', '/clients', { id: 'backend', authMethod: 'private_key_jwt', jwks });
    const open = async (session: object): Promise<[number, OpenedSession]> => {
      const response = await service.api('POST', '/sessions', { subject: 'ada', ...session });
      return [response.status, (await response.json()) as OpenedSession];
    };
    const dpopJkt = 'x'.repeat(43);
    for (const clientId of ['spa', 'bank']) {
      expect(await open({ clientId })).toMatchObject([
        400,
        { details: { dpopJkt: [expect.stringContaining('dpopRequired')] } },
      ]);
      expect((await open({ clientId, dpopJkt: 'short' }))[0]).toBe(400);
    }
    for (const [clientId, refreshesBy] of [
      ['spa', dpopJkt],
      ['app', dpopJkt],
      // Who authenticates may use another key each time (RFC 9449 section 5).
      ['bank', null],
      ['backend', null],
    ]) {
      const [status, { session, accessToken }] = await open({ clientId, dpopJkt });
      expect([status, session]).toMatchObject([201, { dpopJkt: refreshesBy }]);
      const claims = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as object;
      expect(claims).toMatchObject({ cnf: { jkt: dpopJkt } });
    }
    expect((await open({ dpopJkt }))[0]).toBe(400);
    expect((await open({ clientId: 'nobody', unbound: true, dpopJkt }))[0]).toBe(400);
  });

  test('changes it afterwards, and is told what it is then', async () => {
    await service.api('POST', '/clients', { id: 'changed', scope: 'read', lifetimes: { idle: 600 } });
    const amend = async (change: object, id = 'changed'): Promise<[number, Record<string, unknown>]> => {
      const response = await service.api('PATCH', `/clients/${id}`, change);
      return [response.status, (await response.json()) as Record<string, unknown>];
    };
    const [status, amended] = await amend({ name: 'Tool', rotationGrace: 60, recoveryWindow: 600 });
    expect([status, amended]).toMatchObject([200, { name: 'Tool', rotationGrace: 60, recoveryWindow: 600 }]);
    expect(amended).toMatchObject({ scope: 'read', lifetimes: { idle: 600 } });
    expect(await (await service.api('GET', '/clients/changed')).json()).toEqual(amended);
    expect(await amend({})).toEqual([200, amended]);
    const [, back] = await amend({ rotationGrace: null, recoveryWindow: null, lifetimes: null, scope: null });
    for (const member of ['rotationGrace', 'recoveryWindow', 'lifetimes', 'scope'])
      expect(back).not.toHaveProperty(member);
    // How it authenticates is not to be changed so.
    expect(await amend({ authMethod: 'none' })).toMatchObject([
      400,
      { details: { authMethod: [expect.any(String)] } },
    ]);
    expect(await amend({ rotationGrace: 5 }, 'nobody')).toMatchObject([404, { code: 'NOT_FOUND' }]);
    for (const [change, where] of [
      [{ rotationGrace: '10s' }, 'rotationGrace'],
      [{ recoveryWindow: 1_209_601 }, 'recoveryWindow'],
    ] as const)
      expect(await amend(change)).toMatchObject([400, { details: { [where]: [expect.any(String)] } }]);
  });

  test('lists all by id, page by page, and none of their secrets', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await service.api('GET', `/clients?limit=7${cursor && `&cursor=${cursor}`}`);
      const text = await page.text();
      expect(text).not.toMatch(/"\w*(secret|hash)":/i);
      const { clients, next } = JSON.parse(text) as { clients: { id: string }[]; next: string | null };
      expect(clients.length).toBeLessThanOrEqual(7);
      seen.push(...clients.map(({ id }) => id));
      cursor = next;
    }
    const rows = await database.query<{ id: string }>('SELECT id FROM clients ORDER BY id');
    expect(seen).toEqual(rows.map(({ id }) => id));
    expect(seen.length).toBeGreaterThan(7);
    for (const query of ['limit=0', 'limit=101', 'cursor=', 'cursor=nonsense', 'cursor=AA', 'cursor=d2Vi='])
      expect([query, (await service.api('GET', `/clients?${query}`)).status]).toEqual([query, 400]);
  });

  test('removes it, and its sessions end', async () => {
    await service.api('POST', '/clients', { id: 'doomed' });
    const [own, other] = [
      await service.open({ clientId: 'doomed' }),
      await service.open({ clientId: 'web' }),
    ];
    for (let times = 0; times < 2; times++)
      expect((await service.api('DELETE', '/clients/doomed')).status).toBe(204);
    const statusOf = async (id: string): Promise<string> =>
      ((await (await service.api('GET', `/sessions/${id}`)).json()) as { status: string }).status;
    expect([await statusOf(own.session.id), await statusOf(other.session.id)]).toEqual(['revoked', 'active']);
  });
});
