import { generateKeyPairSync } from 'node:crypto';
import { TestDatabase } from '../support/database.ts';
import { startService, type TestService } from '../support/service.ts';

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
    expect(await (await service.api('GET', '/clients')).json()).toEqual([read]);
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
  ])('with %s is told which member to mend', async (_what, body, where) => {
    const response = await service.api('POST', '/clients', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ details: { [where]: [expect.any(String)] } });
    expect((await service.api('GET', '/clients/x')).status).toBe(404);
  });

  test('without a service key is let in nowhere', async () => {
    expect((await service.post('/clients', { id: 'mallory' })).status).toBe(401);
    expect((await fetch(`${service.url}/clients`)).status).toBe(401);
  });

  test('gives its sessions lifetimes and bounds their scope', async () => {
    await service.api('POST', '/clients', {
      id: 'bounded',
      scope: 'read',
      lifetimes: { accessToken: 60, idle: 600, max: 6_000 },
    });
    const { session } = await service.open({ clientId: 'bounded', scope: 'read' });
    const { createdAt, expiresAt, idleExpiresAt } = session as unknown as Record<string, string>;
    const since = (time: string): number => (Date.parse(time) - Date.parse(createdAt!)) / 1_000;
    expect([since(expiresAt!), since(idleExpiresAt!)]).toEqual([6_000, 600]);
    const wider = await service.api('POST', '/sessions', {
      subject: 'ada',
      clientId: 'bounded',
      scope: 'read write',
    });
    expect([wider.status, await wider.json()]).toMatchObject([
      400,
      { details: { scope: [expect.any(String)] } },
    ]);
  });

  test('as public and DPoP-bound must name the key when a session is opened, and as confidential must not', async () => {
    await service.api('POST', '/clients', { id: 'spa', authMethod: 'none', dpopRequired: true });
    await service.api('POST', '/clients', { id: 'backend', authMethod: 'private_key_jwt', jwks });
    const open = async (session: object): Promise<number> =>
      (await service.api('POST', '/sessions', { subject: 'ada', ...session })).status;
    const dpopJkt = 'x'.repeat(43);
    expect(await open({ clientId: 'spa' })).toBe(400);
    expect(await open({ clientId: 'spa', dpopJkt: 'short' })).toBe(400);
    expect(await open({ clientId: 'spa', dpopJkt })).toBe(201);
    expect(await open({ clientId: 'backend', dpopJkt })).toBe(400);
    expect(await open({ clientId: 'nobody', dpopJkt })).toBe(400);
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
