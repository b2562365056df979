import { Cleanup } from '../../src/ops/cleanup.ts';
import { startService, type OpenedSession, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

interface Told {
  sessionId: string;
  kind: string;
  text: string;
  [member: string]: unknown;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const OWNER = { 'x-forwarded-for': '198.51.100.7', 'user-agent': 'Firefox' };
const THIEF = { 'x-forwarded-for': '203.0.113.9', 'user-agent': 'curl/8' };

describe('what happened to sessions', () => {
  const { database } = useDatabase();
  let service: TestService;

  beforeAll(async () => {
    await database.freeze();
    service = await startService({
      ...{ DATABASE_URL: database.url, TRUST_PROXY: 'loopback', CONTRACTS: 'plec,oauth' },
      ...{ SESSION_IDLE_TTL: '14d', SESSION_MAX_TTL: '90d', HISTORY_RETENTION: '30d' },
    });
  });
  afterAll(() => service.stop());

  /** From the start: the walk waits between its steps, and the clock stands still. */
  const cleanUp = async (): Promise<void> => {
    await database.query(`UPDATE public.session_walk SET place = NULL, next_at = '2000-01-01'`);
    await service.app!.nest.get(Cleanup).walk();
  };
  const refresh = async (refreshToken: string, from: Record<string, string>): Promise<OpenedSession> =>
    (await (await service.post('/auth/refresh', { refreshToken }, from)).json()) as OpenedSession;
  const page = async (path: string): Promise<{ events: Told[]; next: string | null }> =>
    (await (await service.api('GET', path)).json()) as { events: Told[]; next: string | null };
  const told = async (id: string): Promise<Told[]> =>
    (await page(`/sessions/${id}/history`)).events.reverse();
  const texts = async (id: string): Promise<string[]> => (await told(id)).map(({ text }) => text);

  test('is told of four sessions of one person', async () => {
    const signIn = { subject: 'ada', address: '198.51.100.7', userAgent: 'Firefox' };
    const open = (device: string): Promise<OpenedSession> => service.open({ ...signIn, device });
    const opened = (device: string): string =>
      `Opened by test for the client test, on ${device} from 198.51.100.0/24 (Firefox).`;
    const lost = await open('Telephone');
    const stolen = await open('Laptop');
    const ended = await open('Tablet');
    const idle = await open('Television');

    // Its answer is lost; the old token comes again an hour later, and the session goes on.
    await refresh(lost.refreshToken, OWNER);
    await database.advance(HOUR);
    const again = await refresh(lost.refreshToken, OWNER);
    await refresh(again.refreshToken, OWNER);

    // A thief has a copy of the second token; the owner goes on, and the thief comes with it.
    const second = await refresh(stolen.refreshToken, OWNER);
    await database.advance(HOUR);
    const third = await refresh(second.refreshToken, OWNER);
    await database.advance(HOUR);
    await refresh(third.refreshToken, OWNER);
    await database.advance(HOUR);
    expect(await refresh(second.refreshToken, THIEF)).toMatchObject({ code: 'REUSED' });

    await service.api('PATCH', `/sessions/${ended.session.id}`, { claims: { role: 'reader' } });
    await service.api('DELETE', '/sessions?subject=nobody');
    await service.api('DELETE', `/sessions/${ended.session.id}`);
    await service.api('DELETE', `/sessions/${ended.session.id}`);

    await database.advance(14 * DAY + 2 * DAY);
    await cleanUp();

    expect(await texts(lost.session.id)).toEqual([
      opened('Telephone'),
      'Refresh token 0 came again, 60 minutes after its exchange from 198.51.100.0/24 (Firefox), and no later one had been used: the answer was probably lost. It was exchanged once more.',
      'Expired: it was not refreshed for as long as it may be idle.',
    ]);
    expect(await texts(stolen.session.id)).toEqual([
      opened('Laptop'),
      'Ended: refresh token 1 came from 203.0.113.0/24 (curl/8). It had been exchanged, and what it was exchanged for as well; the newest was 3, 2 on, and the last exchange was 60 minutes before. Either this one or the token in use is in somebody else’s hands, or a client went back to a copy of old.',
      'Its row was deleted, some time after its deadline.',
    ]);
    expect(await texts(ended.session.id)).toEqual([
      opened('Tablet'),
      'test changed its claims.',
      'Ended by test.',
      'Its row was deleted, some time after its deadline.',
    ]);
    expect(await texts(idle.session.id)).toEqual([
      opened('Television'),
      'Expired: it was not refreshed for as long as it may be idle.',
    ]);
    const [, reuse] = await told(stolen.session.id);
    expect(reuse).toMatchObject({
      ...{ kind: 'ended', by: 'reuse', detail: 'two_behind', presented: 1, newest: 3, lateBy: 3_600 },
      ...{ address: '203.0.113.0/24', userAgent: 'curl/8' },
    });
    // The whole of it, in pages, newest first.
    const all: Told[] = [];
    let next: string | null = '';
    do {
      const part: { events: Told[]; next: string | null } = await page(
        `/subjects/ada/history?limit=5${next && `&cursor=${next}`}`,
      );
      all.push(...part.events);
      next = part.next;
    } while (next);
    expect(all).toHaveLength(12);
    expect(new Set(all.map(({ sessionId }) => sessionId)).size).toBe(4);
    expect(all.at(-1)).toMatchObject({ kind: 'opened', sessionId: lost.session.id });
    expect(
      all
        .slice(0, 4)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['deleted', 'deleted', 'ended', 'ended']);
  });

  test('is remembered for a while after the row is gone, and then forgotten', async () => {
    const { session } = await service.open({ subject: 'grace' });
    const cleanup = service.app!.nest.get(Cleanup);
    await database.advance(15 * DAY + HOUR);
    await cleanUp();
    expect((await service.api('GET', `/sessions/${session.id}`)).status).toBe(404);
    await database.advance(30 * DAY - HOUR);
    await cleanup.forgetHistories();
    expect(await told(session.id)).toHaveLength(2);
    await database.advance(2 * HOUR);
    await cleanup.forgetHistories();
    expect((await service.api('GET', `/sessions/${session.id}/history`)).status).toBe(404);
    expect((await page('/subjects/grace/history')).events).toEqual([]);
  });

  test('tells who ended sessions together, and what took the place of one', async () => {
    const subject = 'linus';
    const first = await service.open({ subject });
    const second = await service.open({ subject, replaces: first.session.id });
    expect((await told(first.session.id)).at(-1)).toMatchObject({
      ...{ kind: 'ended', by: 'service', serviceKey: 'test', replacedBy: second.session.id },
      text: `Ended by test, which opened the session ${second.session.id} in its place.`,
    });
    expect((await told(second.session.id))[0]).toMatchObject({ replaces: first.session.id });
    const by: Record<string, string> = {
      [`subject=${subject}`]: 'Ended by test, with the sessions of its subject.',
      'clientId=app': 'Ended by test, with all sessions of its client id.',
      'all=true': 'Ended by test, with everybody’s sessions.',
    };
    for (const [query, text] of Object.entries(by)) {
      const { session } = await service.open({ subject, clientId: 'app', unbound: true });
      await database.advance(10);
      await service.api('DELETE', `/sessions?${query}`);
      expect(await texts(session.id)).toEqual(['Opened by test for the client app.', text]);
    }
    expect((await service.api('POST', '/clients', { id: 'bound', authMethod: 'none' })).status).toBe(201);
    const { session } = await service.open({ subject, clientId: 'bound' });
    await database.advance(10);
    await service.api('DELETE', '/clients/bound');
    expect((await texts(session.id)).at(-1)).toBe(
      'Ended by test, which removed its client, with all sessions of that.',
    );
  });

  test('tells a logout, and where it came from', async () => {
    const { session, refreshToken } = await service.open();
    await service.post(
      '/auth/logout',
      { refreshToken },
      { 'x-forwarded-for': '2001:db8:1:2::7', 'user-agent': 'x'.repeat(500) },
    );
    await service.post('/auth/logout', { refreshToken });
    expect((await told(session.id)).slice(1)).toEqual([
      {
        ...{ sessionId: session.id, kind: 'ended', by: 'logout', address: '2001:db8:1::/48' },
        ...{ userAgent: 'x'.repeat(120), at: expect.any(String) as string },
        text: `Ended by a logout from 2001:db8:1::/48 (${'x'.repeat(120)}).`,
      },
    ]);
  });

  test('does not tell ordinary refreshes, retries, dry runs, and what is refused afterwards', async () => {
    const { session, refreshToken } = await service.open();
    const { refreshToken: next } = await refresh(refreshToken, OWNER);
    await refresh(refreshToken, OWNER);
    await refresh(next, OWNER);
    await database.advance(HOUR);
    await service.refresh(refreshToken, '?dryRun=true');
    await refresh(next, OWNER);
    await service.refresh(refreshToken, '?dryRun=true');
    expect((await told(session.id)).map(({ kind }) => kind)).toEqual(['opened']);
    await refresh(refreshToken, THIEF);
    await refresh(refreshToken, THIEF);
    await refresh(next, OWNER);
    expect((await told(session.id)).map(({ kind }) => kind)).toEqual(['opened', 'ended']);
  });

  test('is forgotten with the person', async () => {
    const subject = 'a person/with ünusual #name';
    const path = `/subjects/${encodeURIComponent(subject)}`;
    const [one] = await Promise.all([1, 2, 3].map(() => service.open({ subject })));
    const bystander = await service.open({ subject: 'a person' });
    expect((await page(`${path}/history`)).events).toHaveLength(3);
    expect(await (await service.api('DELETE', path)).json()).toEqual({ complete: true });
    expect((await page(`${path}/history`)).events).toEqual([]);
    expect((await service.refresh(one!.refreshToken)).status).toBe(401);
    expect((await service.refresh(bystander.refreshToken)).status).toBe(200);
    expect(await database.dump()).not.toContain(subject);
    expect(await (await service.api('DELETE', path)).json()).toEqual({ complete: true });
  });

  test('says what of a request for it is wrong', async () => {
    const details = async (path: string): Promise<unknown> => {
      const answer = await service.api('GET', path);
      return [answer.status, ((await answer.json()) as { details?: unknown }).details];
    };
    expect(await details('/subjects/ada/history?cursor=x')).toEqual([
      400,
      { cursor: ['cursor must be the next of a page before'] },
    ]);
    expect(await details('/subjects/ada/history?limt=3')).toMatchObject([400, {}]);
    expect(await details(`/subjects/${'x'.repeat(256)}/history`)).toMatchObject([400, {}]);
    expect(await details('/sessions/7/history')).toEqual([404, undefined]);
    for (const [status, body] of [
      [400, { address: 'nowhere' }],
      [400, { userAgent: '' }],
      [201, { address: '::ffff:198.51.100.7' }],
    ] as const)
      expect((await service.api('POST', '/sessions', { subject: 'ada', ...body })).status).toBe(status);
  });

  test('tells of callers as much as is configured', async () => {
    const signIn = { address: '198.51.100.7', userAgent: 'Firefox' };
    for (const [setting, kept] of [
      ['full', signIn],
      ['short', { ...signIn, address: '198.51.100.0/24' }],
      ['off', {}],
    ] as const) {
      const other = await startService({ DATABASE_URL: database.url, HISTORY_CALLERS: setting });
      try {
        const { session } = await other.open(signIn);
        const [{ address, userAgent }] = (await told(session.id)) as [Told];
        expect(JSON.parse(JSON.stringify({ address, userAgent }))).toEqual(kept);
      } finally {
        await other.stop();
      }
    }
  });
});

describe('a subject’s sessions', () => {
  const { database } = useDatabase();
  let service: TestService;

  beforeAll(async () => {
    service = await startService({ DATABASE_URL: database.url, MAX_SESSIONS_PER_SUBJECT: '3' });
  });
  afterAll(() => service.stop());

  const living = async (subject: string): Promise<string[]> => {
    const { sessions } = (await (
      await service.api('GET', `/sessions?subject=${subject}&limit=100`)
    ).json()) as {
      sessions: { id: string; status: string; clientId: string }[];
    };
    return sessions.filter(({ status }) => status === 'active').map(({ id }) => id);
  };

  test('are kept to so many of a client: the longest unused ends', async () => {
    const opened: OpenedSession[] = [];
    for (let count = 0; count < 3; count++) {
      opened.push(await service.open());
      await database.advance(HOUR);
    }
    const other = await service.open({ clientId: 'other', unbound: true });
    await service.refresh(opened[0]!.refreshToken);
    await database.advance(HOUR);
    const newest = await service.open();
    const kept = [newest, other, opened[2]!, opened[0]!].map(({ session }) => session.id);
    expect((await living('ada')).sort()).toEqual(kept.sort());
    const { events } = (await (
      await service.api('GET', `/sessions/${opened[1]!.session.id}/history`)
    ).json()) as { events: Told[] };
    expect(events[0]).toMatchObject({
      ...{ kind: 'ended', by: 'limit', limit: 3, replacedBy: newest.session.id },
      text: `Ended: its subject may have 3 sessions of this client, and it was the longest unused when the session ${newest.session.id} was opened.`,
    });
    expect(await (await service.api('GET', `/sessions/${opened[1]!.session.id}`)).json()).toMatchObject({
      ...{ status: 'revoked', revokedBy: 'limit' },
    });
  });

  test('are so many, however many are opened at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => service.open({ subject: 'grace' })));
    expect(await living('grace')).toHaveLength(3);
  });
});
