import { startService, type OpenedSession, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

interface Device {
  id: string;
  [member: string]: unknown;
}

const HOUR = 3_600_000;
const PAGE = 'https://app.example.com';

describe('a person’s devices', () => {
  const { database } = useDatabase();
  let service: TestService;

  beforeAll(async () => {
    await database.freeze();
    service = await startService({
      ...{ DATABASE_URL: database.url, CONTRACTS: 'watchr,oauth', ALLOWED_ORIGINS: PAGE },
      ...{ SESSION_IDLE_TTL: '14d', LOG_LEVEL: 'silent' },
    });
  });
  afterAll(() => service.stop());

  const call = (method: string, path: string, accessToken?: string, headers = {}): Promise<Response> =>
    fetch(`${service.url}/auth/sessions${path}`, {
      method,
      headers: { ...headers, ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }) },
    });
  const devices = async (accessToken: string, query = ''): Promise<Device[]> =>
    ((await (await call('GET', query, accessToken)).json()) as { sessions: Device[] }).sessions;
  const statusOf = async (id: string): Promise<unknown> => {
    const { status, revokedBy } = (await (await service.api('GET', `/sessions/${id}`)).json()) as Device;
    return [status, revokedBy];
  };

  test('are listed, those that live, and the one that asks is marked', async () => {
    const subject = 'ada';
    const first = await service.open({ subject, device: 'Laptop' });
    await database.advance(60_000);
    const second = await service.open({ subject, clientId: 'tv', unbound: true });
    const ended = await service.open({ subject });
    await service.api('DELETE', `/sessions/${ended.session.id}`);
    await service.open({ subject: 'eve' });
    const [{ createdAt }] = (await devices(first.accessToken)).slice(-1) as [Device];
    expect(await devices(first.accessToken)).toEqual([
      {
        ...{ id: second.session.id, device: null, clientId: 'tv', current: false },
        ...{
          createdAt: expect.any(String) as string,
          lastUsedAt: expect.stringMatching(/T00:00:00\.000Z$/) as string,
        },
      },
      {
        ...{ id: first.session.id, device: 'Laptop', clientId: 'test', current: true, createdAt },
        lastUsedAt: `${String(createdAt).slice(0, 10)}T00:00:00.000Z`,
      },
    ]);
    const page = (await (await call('GET', '?limit=1', first.accessToken)).json()) as { next: string };
    expect((await devices(first.accessToken, `?limit=1&cursor=${page.next}`)).map(({ id }) => id)).toEqual([
      first.session.id,
    ]);
  });

  test.each([
    ['hour', /:00:00\.000Z$/],
    ['exact', /Z$/],
  ])('tell when they were last used as exactly as is configured: %s', async (precision, pattern) => {
    const other = await startService({ DATABASE_URL: database.url, LAST_USED_PRECISION: precision });
    try {
      const { accessToken, refreshToken } = await other.open({ subject: precision });
      await database.advance(3 * HOUR);
      await other.refresh(refreshToken);
      const answer = await fetch(`${other.url}/auth/sessions`, {
        headers: { authorization: `Bearer ${accessToken}` },
      });
      // The access token is from three hours ago.
      expect(answer.status).toBe(401);
      const again = await other.open({ subject: precision });
      const { sessions } = (await (
        await fetch(`${other.url}/auth/sessions`, {
          headers: { authorization: `Bearer ${again.accessToken}` },
        })
      ).json()) as { sessions: { lastUsedAt: string; createdAt: string }[] };
      const [, used] = sessions as [unknown, { lastUsedAt: string; createdAt: string }];
      expect(used.lastUsedAt).toMatch(pattern);
      expect(Date.parse(used.lastUsedAt)).toBeGreaterThan(Date.parse(used.createdAt) + HOUR);
    } finally {
      await other.stop();
    }
  });

  test('are ended one by one, and no one else’s', async () => {
    const [here, there, foreign] = (await Promise.all(
      ['grace', 'grace', 'eve'].map((subject) => service.open({ subject })),
    )) as [OpenedSession, OpenedSession, OpenedSession];
    for (const id of [foreign.session.id, '00000000-0000-4000-8000-000000000000', '7']) {
      const answer = await call('DELETE', `/${id}`, here.accessToken);
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'NOT_FOUND' }]);
    }
    expect(await statusOf(foreign.session.id)).toEqual(['active', null]);
    for (let time = 0; time < 2; time++)
      expect((await call('DELETE', `/${there.session.id}`, here.accessToken)).status).toBe(204);
    expect(await statusOf(there.session.id)).toEqual(['revoked', 'logout']);
    const { events } = (await (await service.api('GET', `/sessions/${there.session.id}/history`)).json()) as {
      events: Device[];
    };
    expect(events[0]).toMatchObject({ by: 'logout', from: here.session.id, address: '127.0.0.0/24' });
    expect(events[0]!['text']).toMatch(
      `Ended by its subject, from the session ${here.session.id} from 127.0.0.0/24`,
    );
    // With its end, its access token is worth nothing here, although it has not expired.
    expect((await call('GET', '', there.accessToken)).status).toBe(401);
    expect((await call('DELETE', `/${here.session.id}`, here.accessToken)).status).toBe(204);
    expect((await call('GET', '', here.accessToken)).status).toBe(401);
  });

  test('are ended all at once, but for the one that asks', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => service.open({ subject: 'linus' })));
    await database.advance(10);
    const answer = await call('DELETE', '', opened[1]!.accessToken);
    expect([answer.status, await answer.json()]).toEqual([200, { revoked: 2 }]);
    expect(await Promise.all(opened.map(({ session }) => statusOf(session.id)))).toEqual([
      ['revoked', 'logout'],
      ['active', null],
      ['revoked', 'logout'],
    ]);
  });

  test('are shown for no other token', async () => {
    const { accessToken, refreshToken } = await service.open({ subject: 'edsger' });
    const otherApi = await service.open({ subject: 'edsger', audience: ['https://other.example'] });
    const dry = (await (
      await service.post('/auth/refresh?dryRun=true', {}, { cookie: `refresh_token=${refreshToken}` })
    ).json()) as { access_token?: string };
    const before = await database.dump();
    for (const [token, challenge] of [
      [undefined, 'Bearer realm="ratchet"'],
      ['x', 'Bearer realm="ratchet", error="invalid_token"'],
      [refreshToken, 'Bearer realm="ratchet", error="invalid_token"'],
      [otherApi.accessToken, 'Bearer realm="ratchet", error="invalid_token"'],
      [dry.access_token ?? 'none', 'Bearer realm="ratchet", error="invalid_token"'],
      [`${accessToken.slice(0, -4)}AAAA`, 'Bearer realm="ratchet", error="invalid_token"'],
    ] as const)
      for (const method of ['GET', 'DELETE']) {
        const answer = await call(method, '', token);
        expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toMatchObject([
          ...[401, challenge],
          { code: 'INVALID_ACCESS_TOKEN' },
        ]);
      }
    expect(await database.dump()).toBe(before);
  });

  test('are shown to an OAuth client only with the scope for it', async () => {
    await service.api('POST', '/clients', { id: 'app', authMethod: 'none', scope: 'read sessions' });
    const subject = 'barbara';
    const without = await service.open({ subject, clientId: 'app', scope: 'read' });
    const refused = await call('GET', '', without.accessToken);
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'INSUFFICIENT_SCOPE' }]);
    const granted = await service.open({ subject, clientId: 'app', scope: 'read sessions' });
    expect(await devices(granted.accessToken)).toHaveLength(2);
    const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
    const bound = await service.open({ subject, clientId: 'app', scope: 'sessions', dpopJkt: jkt });
    expect((await call('GET', '', bound.accessToken)).status).toBe(401);
  });

  test('answer in their own words where a contract has the folder, and let pages in that are allowed', async () => {
    const { accessToken } = await service.open({ subject: 'tony' });
    const wrong = await call('GET', '?limt=1', accessToken);
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'BAD_REQUEST' }]);
    const method = await call('PUT', '', accessToken);
    expect([method.status, method.headers.get('allow')]).toEqual([405, 'GET, DELETE']);
    const preflight = (origin: string): Promise<Response> =>
      call('OPTIONS', '', undefined, {
        origin,
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'authorization',
      });
    const granted = await preflight(PAGE);
    expect([granted.status, granted.headers.get('access-control-allow-origin')]).toEqual([204, PAGE]);
    expect(granted.headers.get('access-control-allow-methods')).toContain('DELETE');
    expect((await preflight('https://evil.example')).status).toBe(403);
    const answer = await call('GET', '', accessToken, { origin: PAGE });
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE);
  });
});
