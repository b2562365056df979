import { createSecretKey } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { readConfig } from '../../src/config/environment.ts';
import { subjectName } from '../../src/ops/subject-names.ts';
import { contracts } from '../contracts/every-contract.ts';
import { mintRefreshToken, newHandle } from '../../src/core/refresh-token.ts';
import { register } from '../contracts/oauth/registered.ts';
import { SETTINGS, spawnService, type OpenedSession } from '../support/service.ts';
import { useService } from '../support/use-service.ts';

type Line = Record<string, unknown>;
const AGENT = `a program with a long name ${'x'.repeat(500)}`;
const foreignKey = createSecretKey(Buffer.alloc(32, 7));

describe('an operator who looks into the log', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,oauth,akinon' }, { by: spawnService });
  const lines: Line[] = [];

  beforeAll(() => {
    let rest = '';
    service.process!.stdout!.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const part of parts) lines.push(JSON.parse(part) as Line);
    });
  });

  /** The log line of an answer, of which the client is told nothing beyond its reason. */
  async function lineOf(asked: Promise<Response>): Promise<Line> {
    const answer = await asked;
    const id = answer.headers.get('x-request-id');
    const text = await answer.text();
    for (let tried = 0; tried < 500; tried++) {
      const line = lines.find(({ requestId }) => requestId === id);
      if (line) {
        if (line['detail'] !== undefined) expect(text).not.toContain(line['detail']);
        return line;
      }
      await pause(10);
    }
    throw new Error(`no line of ${id}`);
  }

  const refresh = (refreshToken: string): Promise<Response> =>
    service.post('/auth/refresh', { refreshToken }, { 'user-agent': AGENT });
  const form = (fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${service.url}/oauth/token`, { method: 'POST', body: new URLSearchParams(fields), headers });
  const next = async (refreshToken: string): Promise<string> =>
    ((await (await refresh(refreshToken)).json()) as OpenedSession).refreshToken;

  test('finds what is wrong with a token that is none', async () => {
    const token = { handle: newHandle(), generation: 0, deadline: 4_000_000_000 };
    const { refreshToken } = await service.open();
    const of = async (presented: string): Promise<unknown> => (await lineOf(refresh(presented)))['detail'];
    expect(await of('eyJhbGciOiJIUzI1NiJ9.e30.x')).toBe('foreign_prefix');
    expect(await of(refreshToken.slice(1))).toBe('foreign_prefix');
    expect(await of(refreshToken.slice(0, -1))).toBe('wrong_length');
    expect(await of(mintRefreshToken(token, { kid: 200, secret: foreignKey }))).toBe('unknown_kid');
    expect(await of(mintRefreshToken(token, { kid: 1, secret: foreignKey }))).toBe('bad_mac');
  });

  test('finds by which deadline a session is over', async () => {
    const idle = await service.open({ lifetimes: { idle: 60 } });
    const absolute = await service.open({ lifetimes: { max: 60 } });
    await database.advance(61_000);
    const of = async ({ refreshToken }: OpenedSession): Promise<unknown> =>
      (await lineOf(refresh(refreshToken)))['detail'];
    expect(await of(idle)).toBe('idle_deadline');
    expect(await of(absolute)).toBe('absolute_deadline');
  });

  test('finds how far behind a reused token is, and whose it was, and who sent it', async () => {
    const { session, refreshToken } = await service.open();
    await next(refreshToken);
    await database.advance(3 * 86_400_000 + 1);
    expect(await lineOf(refresh(refreshToken))).toMatchObject({
      level: 'warn',
      reason: 'reused',
      detail: 'parent_late',
      sessionId: session.id,
      subject: 'ada',
      clientId: 'test',
      userAgent: AGENT.slice(0, 120),
    });
    const older = await service.open();
    const second = await next(older.refreshToken);
    await database.advance(10_001);
    await next(second);
    expect((await lineOf(refresh(older.refreshToken)))['detail']).toBe('two_behind');
    const twice = await service.open();
    const used = await next(twice.refreshToken);
    await database.advance(10_001);
    const sibling = await next(twice.refreshToken);
    await database.advance(10_001);
    await next(used);
    expect((await lineOf(refresh(sibling)))['detail']).toBe('sibling_disowned');
    const arrived = await service.open();
    await next(arrived.refreshToken);
    await database.advance(10_001);
    await next(await next(arrived.refreshToken));
    await database.advance(10_001);
    expect((await lineOf(refresh(arrived.refreshToken)))['detail']).toBe('parent_disowned');
  });

  test('finds which client a token was not for', async () => {
    const client = await register(service, { authMethod: 'none' });
    const other = await register(service, { authMethod: 'none' });
    const { refreshToken } = await service.open({ clientId: client.id });
    const present = { grant_type: 'refresh_token', refresh_token: refreshToken };
    expect(await lineOf(refresh(refreshToken))).toMatchObject({
      reason: 'wrong_client',
      detail: 'client_absent',
      clientId: client.id,
    });
    expect(await lineOf(form({ ...present, client_id: other.id }))).toMatchObject({
      detail: 'client_other',
      clientId: client.id,
      presenter: other.id,
    });
    const unbound = await service.open();
    expect(
      await lineOf(form({ ...present, refresh_token: unbound.refreshToken, client_id: client.id })),
    ).toMatchObject({ detail: 'client_unbound', presenter: client.id });
    expect((await lineOf(form({ ...present, client_id: 'nobody' })))['detail']).toBe('client_unknown');
    expect((await lineOf(form({ ...present, client_id: client.id, client_secret: 'x' })))['detail']).toBe(
      'client_auth_method',
    );
    expect((await lineOf(form({ ...present, client_id: client.id }, { dpop: 'x.y.z' })))['detail']).toBe(
      'dpop_malformed',
    );
  });

  test('finds which rule turned a page away, and that another session’s access token came along', async () => {
    const { setCookie, accessToken } = await service.open();
    const cookie = setCookie.split(';')[0]!;
    const from = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${service.url}/auth/refresh`, { method: 'POST', headers: { cookie, ...headers } });
    expect((await lineOf(from({ 'sec-fetch-site': 'cross-site' })))['detail']).toBe('sec_fetch_site');
    const evil = { origin: 'https://evil.example' };
    expect(await lineOf(from(evil))).toMatchObject({ detail: 'origin_header', ...evil });
    const asking = fetch(`${service.url}/auth/refresh`, {
      method: 'OPTIONS',
      headers: { ...evil, 'access-control-request-method': 'POST' },
    });
    expect(await lineOf(asking)).toMatchObject({ status: 403, detail: 'preflight', ...evil });
    const { refreshToken } = await service.open();
    const authorization = `Bearer ${accessToken}`;
    expect(
      await lineOf(service.post('/api/v1/auth/refresh-token', { refreshToken }, { authorization })),
    ).toMatchObject({ contract: 'akinon', reason: 'wrong_proof', detail: 'access_token_other_session' });
  });

  test('finds the contract of an answer that needed no service, too', async () => {
    const asked = fetch(`${service.url}/.well-known/oauth-authorization-server`);
    expect(await lineOf(asked)).toMatchObject({ contract: 'oauth', status: 200 });
  });

  test('is warned of no theft by a dry run, whatever token it is of, and finds it counted as one', async () => {
    const { refreshToken } = await service.open();
    await next(refreshToken);
    await database.advance(3 * 86_400_000 + 1);
    const counted = async (): Promise<string[]> =>
      (await (await service.api('GET', '/metrics')).text())
        .split('\n')
        .filter((line) => line.includes('reason="reused"') && line.includes('dry_run="false"'));
    const before = await counted();
    for (const token of ['reused.def456', refreshToken]) {
      const tried = service.post('/auth/refresh?dryRun=true', { refreshToken: token });
      expect(await lineOf(tried)).toMatchObject({ level: 'info', reason: 'reused', dryRun: true });
    }
    expect(await counted()).toEqual(before);
    const refused = service.post('/auth/refresh?dryRun=true', []);
    expect(await lineOf(refused)).toMatchObject({ reason: 'invalid_request', dryRun: true });
    expect(await lineOf(service.post('/auth/logout?dryRun=true', {}))).not.toHaveProperty('dryRun');
    expect((await service.refresh(await next((await service.open()).refreshToken))).status).toBe(200);
  });

  test('finds which session, whose and which client’s a call of the sessions API was about, and by which key', async () => {
    const { id: sessionId } = (await service.open({ subject: 'grace' })).session;
    const about = { sessionId, subject: 'grace', clientId: 'test', serviceKey: 'test' };
    const { refreshToken } = await service.open({ subject: 'grace' });
    expect(await lineOf(service.api('POST', '/sessions', { subject: 'grace' }))).toMatchObject({
      ...about,
      sessionId: expect.any(String) as string,
    });
    expect(await lineOf(service.api('GET', `/sessions/${sessionId}`))).toMatchObject(about);
    expect(await lineOf(service.api('PATCH', `/sessions/${sessionId}`, {}))).toMatchObject(about);
    expect(await lineOf(service.api('POST', '/sessions/inspect', { refreshToken }))).toMatchObject({
      ...about,
      sessionId: expect.any(String) as string,
    });
    expect(await lineOf(service.api('DELETE', `/sessions/${sessionId}`))).toMatchObject(about);
    expect(await lineOf(service.api('DELETE', `/sessions/${sessionId}`))).toMatchObject({ sessionId });
    for (const method of ['GET', 'DELETE'])
      expect(await lineOf(service.api(method, '/sessions?subject=grace'))).toMatchObject({
        subject: 'grace',
        serviceKey: 'test',
      });
  });

  test('finds which client a call of the clients API was about, unless there is none', async () => {
    const about = { clientId: 'till', serviceKey: 'test' };
    const registration = { id: 'till' };
    expect(await lineOf(service.api('POST', '/clients', registration))).toMatchObject(about);
    expect(await lineOf(service.api('GET', '/clients/till'))).toMatchObject(about);
    expect(await lineOf(service.api('PATCH', '/clients/till', { name: 'Till' }))).toMatchObject(about);
    expect(await lineOf(service.api('POST', '/clients/till/secrets', {}))).toMatchObject(about);
    expect(await lineOf(service.api('DELETE', '/clients/till/secrets/previous'))).toMatchObject(about);
    expect(await lineOf(service.api('DELETE', '/clients/till'))).toMatchObject(about);
    for (const method of ['GET', 'DELETE'])
      expect(await lineOf(service.api(method, '/clients/till'))).not.toHaveProperty('clientId');
  });

  test('finds which client called, also where that is only what it said', async () => {
    const client = await register(service);
    const basic = (id: string, secret: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    });
    const present = { grant_type: 'refresh_token', refresh_token: 'x' };
    const good = await lineOf(form(present, basic(client.id, client.secret!)));
    expect(good).toMatchObject({ reason: 'malformed_token', presenter: client.id });
    expect(good).not.toHaveProperty('claimedClient');
    const wrong = await lineOf(form(present, basic(client.id, 'wrong')));
    expect(wrong).toMatchObject({ detail: 'client_secret', claimedClient: client.id });
    expect(wrong).not.toHaveProperty('presenter');
    expect(await lineOf(form(present, basic(client.secret!, client.id)))).toMatchObject({
      detail: 'client_unknown',
      claimedClient: client.secret!.slice(0, 16),
    });
  });

  test('finds a subject by a hash, or not at all, if it is so set', () => {
    const [plain, hashed, other, off] = [
      { LOG_SUBJECTS: 'plain' },
      { LOG_SUBJECTS: 'hashed' },
      { LOG_SUBJECTS: 'hashed', REFRESH_TOKEN_KEYS: '1:another-refresh-token-key-of-32-characters' },
      { LOG_SUBJECTS: 'off' },
    ].map((settings) =>
      subjectName(
        readConfig({ ...SETTINGS, DATABASE_URL: 'postgresql://localhost/none', ...settings }, contracts),
      )('ada@example.com'),
    );
    expect([plain, off]).toEqual(['ada@example.com', undefined]);
    expect(hashed).toMatch(/^[\w-]{22}$/);
    expect(other).not.toBe(hashed);
  });

  test('finds each detail counted', async () => {
    const metrics = await (await service.api('GET', '/metrics')).text();
    expect(metrics).toMatch(/outcome="refused",reason="reused",detail="",dry_run="true"\} 1/);
    for (const detail of ['unknown_kid', 'parent_late', 'two_behind', 'client_other', 'sec_fetch_site'])
      expect(metrics).toMatch(new RegExp(`ratchet_requests_total\\{.*detail="${detail}".*\\} [1-9]`));
  });
});
