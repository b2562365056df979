import { TestDatabase } from '../support/database.ts';
import { SERVICE_KEY, startService, type OpenedSession, type TestService } from '../support/service.ts';

interface Session {
  id: string;
  status: string;
  [member: string]: unknown;
}

describe('a login backend', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const read = async (id: string): Promise<Session> =>
    (await (await service.api('GET', `/sessions/${id}`)).json()) as Session;
  const outcomeOf = async (token: string): Promise<unknown> => {
    const { code } = (await (await service.refresh(token)).json()) as { code?: string };
    return code ?? 'refreshed';
  };

  test('opens a session with all that is known of the sign-in, and reads it back', async () => {
    const response = await service.api('POST', '/sessions', {
      subject: 'ada',
      clientId: 'web',
      unbound: true,
      scope: 'read write',
      audience: ['https://a.example', 'https://b.example'],
      claims: { role: 'admin', nested: { list: [1, 'two', null] } },
      device: 'Firefox on Linux',
      amr: ['pwd', 'otp'],
      acr: 'urn:example:gold',
      authTime: '2026-01-02T03:04:05Z',
      lifetimes: { accessToken: 60, idle: 3_600, max: 7_200 },
    });
    expect(response.status).toBe(201);
    const opened = (await response.json()) as OpenedSession & { expiresIn: number };
    expect(opened).toMatchObject({ expiresIn: 60, refreshToken: expect.stringMatching(/^rt1_/) as string });
    expect(opened.setCookie).toContain(
      `refresh_token=${opened.refreshToken}; Max-Age=3600; Path=/auth; HttpOnly`,
    );
    expect(await read(opened.session.id)).toEqual({
      ...opened.session,
      subject: 'ada',
      clientId: 'web',
      scope: 'read write',
      audience: ['https://a.example', 'https://b.example'],
      claims: { role: 'admin', nested: { list: [1, 'two', null] } },
      device: 'Firefox on Linux',
      amr: ['pwd', 'otp'],
      acr: 'urn:example:gold',
      authTime: '2026-01-02T03:04:05.000Z',
      generation: 0,
      rotatedAt: null,
      revokedAt: null,
      revokedBy: null,
      status: 'active',
    });
  });

  test('without a service key, or with a wrong one, is let in nowhere', async () => {
    for (const authorization of [
      undefined,
      'Bearer',
      'Bearer wrong',
      `Basic ${SERVICE_KEY}`,
      `Bearer ${SERVICE_KEY}x`,
      SERVICE_KEY,
    ]) {
      const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
      const response = await fetch(`${service.url}/sessions`, {
        method: 'POST',
        headers,
        body: '{"subject":"mallory"}',
      });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(await response.json()).toMatchObject({ code: 'INVALID_SERVICE_KEY' });
    }
    for (const path of ['/sessions?subject=mallory', '/metrics'])
      expect((await fetch(service.url + path)).status).toBe(401);
    expect(await database.query(`SELECT 1 FROM sessions WHERE subject = 'mallory'`)).toEqual([]);
  });

  test.each<[what: string, body: unknown, where: string]>([
    ['no subject', {}, 'subject'],
    ['an empty subject', { subject: '' }, 'subject'],
    ['a subject with a NUL', { subject: 'a\u0000b' }, 'subject'],
    ['a subject with a line break', { subject: 'a\nb' }, 'subject'],
    ['a number for a subject', { subject: 1 }, 'subject'],
    ['claims that the service sets', { subject: 'a', claims: { sub: 'b' } }, 'claims'],
    ['claims that are too long', { subject: 'a', claims: { text: 'x'.repeat(4_096) } }, 'claims'],
    ['claims with a NUL', { subject: 'a', claims: { text: '\u0000' } }, 'claims'],
    ['claims with half a surrogate pair', { subject: 'a', claims: { text: '\ud83d' } }, 'claims'],
    ['claims that are a list', { subject: 'a', claims: [1] }, 'claims'],
    ['a scope with two blanks', { subject: 'a', scope: 'read  write' }, 'scope'],
    ['an audience that is a string', { subject: 'a', audience: 'b' }, 'audience'],
    ['amr of numbers', { subject: 'a', amr: [1] }, 'amr'],
    ['a date that is none', { subject: 'a', authTime: '2026-02-30T00:00:00Z' }, 'authTime'],
    ['a lifetime of no time', { subject: 'a', lifetimes: { idle: 0 } }, 'lifetimes.idle'],
    ['a lifetime of a part of a second', { subject: 'a', lifetimes: { max: 0.5 } }, 'lifetimes.max'],
    ['lifetimes that are a list', { subject: 'a', lifetimes: [] }, 'lifetimes'],
    [
      'an access token for longer than a day',
      { subject: 'a', lifetimes: { accessToken: 86_401 } },
      'lifetimes.accessToken',
    ],
    ['a lifetime of a unit that is none', { subject: 'a', lifetimes: { idle: '1 day' } }, 'lifetimes.idle'],
    ['a lifetime of half a second', { subject: 'a', lifetimes: { idle: '500ms' } }, 'lifetimes.idle'],
    ['an idle lifetime of eleven years', { subject: 'a', lifetimes: { idle: '4015d' } }, 'lifetimes.idle'],
  ])('that sends %s is told which member to mend', async (_what, body, where) => {
    const before = await database.dump();
    const response = await service.api('POST', '/sessions', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'BAD_REQUEST',
      details: { [where]: [expect.any(String)] },
    });
    expect(await database.dump()).toBe(before);
  });

  test('may write lifetimes as the settings do', async () => {
    const { session } = await service.open({ lifetimes: { accessToken: '1m', idle: '1d', max: '2d' } });
    const { createdAt, expiresAt, idleExpiresAt } = session as unknown as Record<string, string>;
    const after = (time: string): number => (Date.parse(time) - Date.parse(createdAt!)) / 1000;
    expect([after(idleExpiresAt!), after(expiresAt!)]).toEqual([86_400, 172_800]);
  });

  test('keeps claims whose text only looks like an escape', async () => {
    const claims = { text: 'a backslash: \\u0000', path: 'C:\\users' };
    const { session } = await service.open({ claims });
    expect((await read(session.id))['claims']).toEqual(claims);
  });

  test('lists a subject’s sessions newest first, page by page', async () => {
    const subject = 'grace';
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.unshift((await service.open({ subject })).session.id);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await service.api(
        'GET',
        `/sessions?subject=${subject}&limit=2${cursor && `&cursor=${cursor}`}`,
      );
      const { sessions, next } = (await page.json()) as { sessions: Session[]; next: string | null };
      expect(sessions.length).toBeLessThanOrEqual(2);
      seen.push(...sessions.map(({ id }) => id));
      cursor = next;
    }
    expect(seen).toEqual(ids);
  });

  test.each(['', '&limit=0', '&limit=101', '&limit=x', '&cursor=nonsense', '&cursor='])(
    'listing with %s says what is wrong',
    async (query) => {
      const subject = query === '' ? '' : 'grace';
      expect((await service.api('GET', `/sessions?subject=${subject}${query}`)).status).toBe(400);
    },
  );

  test('changes claims and scope from the next refresh on', async () => {
    const { session, refreshToken } = await service.open({ claims: { role: 'user' }, scope: 'read' });
    const response = await service.api('PATCH', `/sessions/${session.id}`, {
      claims: { role: 'admin' },
      scope: null,
    });
    expect(await response.json()).toMatchObject({ claims: { role: 'admin' }, scope: null });
    const { accessToken } = (await (await service.refresh(refreshToken)).json()) as OpenedSession;
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as object;
    expect(claims).toMatchObject({ role: 'admin' });
    expect(claims).not.toHaveProperty('scope');
  });

  test('leaves alone what a change does not name', async () => {
    const { session } = await service.open({ claims: { role: 'user' }, scope: 'read' });
    await service.api('PATCH', `/sessions/${session.id}`, { scope: 'write' });
    expect(await read(session.id)).toMatchObject({ claims: { role: 'user' }, scope: 'write' });
    await service.api('PATCH', `/sessions/${session.id}`, {});
    expect(await read(session.id)).toMatchObject({ claims: { role: 'user' }, scope: 'write' });
  });

  test('merges claims: what a change does not name stays, null removes', async () => {
    const { session } = await service.open({
      claims: { role: 'user', tenant: 7, plan: { name: 'free', seats: 1 }, list: [1, 2] },
    });
    const claims = { role: 'admin', plan: { seats: null, trial: true }, list: [3], beta: null };
    const response = await service.api('PATCH', `/sessions/${session.id}`, { claims });
    expect(await response.json()).toHaveProperty('claims', {
      role: 'admin',
      tenant: 7,
      plan: { name: 'free', trial: true },
      list: [3],
    });
  });

  test('loses none of many changes at once', async () => {
    const { session } = await service.open({ claims: {} });
    const statuses = await Promise.all(
      [1, 2, 3].map(async (each) => {
        const claims = { [`claim${each}`]: each };
        return (await service.api('PATCH', `/sessions/${session.id}`, { claims })).status;
      }),
    );
    expect(statuses).toEqual([200, 200, 200]);
    expect((await read(session.id))['claims']).toEqual({ claim1: 1, claim2: 2, claim3: 3 });
  });

  test('is told when claims become too long together, and nothing changes', async () => {
    const claims = { one: 'x'.repeat(3_000) };
    const { session } = await service.open({ claims });
    const response = await service.api('PATCH', `/sessions/${session.id}`, {
      claims: { two: 'x'.repeat(3_000) },
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { details: { claims: [expect.stringContaining('those that stay included')] } },
    ]);
    expect((await read(session.id))['claims']).toEqual(claims);
  });

  test('changes a claim of a person in all their sessions that live', async () => {
    const subject = 'margaret';
    const opened = await Promise.all([1, 2, 3].map((n) => service.open({ subject, claims: { n } })));
    const bystander = await service.open({ subject: 'not-margaret', claims: { n: 4 } });
    await service.api('DELETE', `/sessions/${opened[0]!.session.id}`);
    const amend = (body: unknown): Promise<Response> =>
      service.api('PATCH', `/sessions?subject=${subject}`, body);
    const response = await amend({ claims: { role: 'admin' } });
    expect([response.status, await response.json()]).toEqual([200, { amended: 2 }]);
    const claims = await Promise.all(
      [...opened, bystander].map(async ({ session }) => (await read(session.id))['claims']),
    );
    expect(claims).toEqual([{ n: 1 }, { n: 2, role: 'admin' }, { n: 3, role: 'admin' }, { n: 4 }]);
    expect((await amend({ claims: { sub: 'eve' } })).status).toBe(400);
    expect((await amend({ scope: 'all' })).status).toBe(400);
    expect((await service.api('PATCH', '/sessions', { claims: {} })).status).toBe(400);
  });

  test('takes claims away with null', async () => {
    const { session } = await service.open({ claims: { role: 'user' } });
    const response = await service.api('PATCH', `/sessions/${session.id}`, { claims: null });
    expect(await response.json()).toHaveProperty('claims', {});
  });

  test('ends a session, as often as it likes, and neither token refreshes any more', async () => {
    const { session, refreshToken } = await service.open();
    const { refreshToken: next } = (await (await service.refresh(refreshToken)).json()) as OpenedSession;
    for (let times = 0; times < 2; times++) {
      expect((await service.api('DELETE', `/sessions/${session.id}`)).status).toBe(204);
    }
    expect(await read(session.id)).toMatchObject({ status: 'revoked', revokedBy: 'service' });
    expect(await outcomeOf(refreshToken)).toBe('REVOKED');
    expect(await outcomeOf(next)).toBe('REVOKED');
    const late = await service.api('PATCH', `/sessions/${session.id}`, { scope: 'x' });
    expect([late.status, await late.json()]).toMatchObject([
      409,
      { code: 'SESSION_ENDED', message: expect.stringContaining('revoked by service') as string },
    ]);
    const nowhere = '/sessions/00000000-0000-8000-8000-000000000000';
    expect((await service.api('PATCH', nowhere, { scope: 'x' })).status).toBe(404);
  });

  test('logs a subject out everywhere but here', async () => {
    const subject = 'linus';
    const [here, ...others] = await Promise.all([1, 2, 3].map(() => service.open({ subject })));
    const bystander = await service.open({ subject: 'not-linus' });
    const response = await service.api('DELETE', `/sessions?subject=${subject}&except=${here!.session.id}`);
    expect([response.status, await response.json()]).toEqual([200, { revoked: 2 }]);
    for (const { refreshToken } of others) expect(await outcomeOf(refreshToken)).toBe('REVOKED');
    for (const { refreshToken } of [here!, bystander])
      expect(await outcomeOf(refreshToken)).toBe('refreshed');
    expect(await (await service.api('DELETE', `/sessions?subject=${subject}`)).json()).toEqual({
      revoked: 1,
    });
  });

  test('has a new sign-in take the place of the one before on that device, and of no one else’s', async () => {
    const [former, bystander] = [await service.open(), await service.open({ subject: 'bob' })];
    const open = async (replaces: string): Promise<OpenedSession> => {
      const response = await service.api('POST', '/sessions', { subject: 'ada', replaces });
      expect(response.status).toBe(201);
      return (await response.json()) as OpenedSession;
    };
    const opened = await open(former.session.id);
    expect(await outcomeOf(former.refreshToken)).toBe('REVOKED');
    await open(bystander.session.id);
    for (const { refreshToken } of [opened, bystander])
      expect(await outcomeOf(refreshToken)).toBe('refreshed');
    const wrong = await service.api('POST', '/sessions', { subject: 'ada', replaces: opened.refreshToken });
    expect(await wrong.json()).toMatchObject({
      code: 'BAD_REQUEST',
      details: { replaces: ['replaces must be a UUID'] },
    });
  });

  test('asks what would become of a token, and nothing becomes of it', async () => {
    const { session, refreshToken } = await service.open();
    const inspect = async (token: string): Promise<unknown> =>
      (await service.api('POST', '/sessions/inspect', { refreshToken: token })).json();
    const before = await database.dump();
    expect(await inspect(refreshToken)).toMatchObject({ outcome: 'rotate', session: { id: session.id } });
    expect(await inspect('abc123.def456')).toEqual({
      ...{ outcome: 'refused', reason: 'malformed_token', detail: 'foreign_prefix' },
      text: 'It is no refresh token of this service.',
    });
    expect(await database.dump()).toBe(before);
    const { refreshToken: next } = (await (await service.refresh(refreshToken)).json()) as OpenedSession;
    expect(await inspect(refreshToken)).toMatchObject({ outcome: 'retry' });
    expect(await inspect(next)).toMatchObject({ outcome: 'coalesce' });
    await database.advance(10_001);
    expect(await inspect(refreshToken)).toMatchObject({ outcome: 'recover' });
    await service.refresh(next);
    const late = await database.dump();
    expect(await inspect(refreshToken)).toMatchObject({
      outcome: 'refused',
      reason: 'reused',
      session: { status: 'active' },
    });
    expect(await database.dump()).toBe(late);
  });

  test('sees the siblings of a token, and what would become of each', async () => {
    const { refreshToken } = await service.open();
    const inspect = async (): Promise<unknown> =>
      (await service.api('POST', '/sessions/inspect', { refreshToken })).json();
    expect(await inspect()).toMatchObject({ tokens: [{ generation: 0, outcome: 'rotate' }] });
    await service.refresh(refreshToken);
    await database.advance(10_001);
    await service.refresh(refreshToken);
    const tokensAre = (...outcomes: string[]): object => ({
      tokens: outcomes.map((outcome, generation) => ({ generation, outcome })),
    });
    expect(await inspect()).toMatchObject(tokensAre('retry', 'coalesce', 'coalesce'));
    await database.advance(10_001);
    expect(await inspect()).toMatchObject(tokensAre('recover', 'rotate', 'rotate'));
  });

  test.each(['nonsense', '00000000-0000-8000-8000-000000000000'])(
    'that asks for the session %s is told there is none',
    async (id) => {
      const response = await service.api('GET', `/sessions/${id}`);
      expect([response.status, await response.json()]).toEqual([
        404,
        { message: 'There is no such session', code: 'NOT_FOUND' },
      ]);
    },
  );
});
