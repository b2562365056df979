import type pg from 'pg';
import { Cleanup } from '../../src/ops/cleanup.ts';
import { spawnService, type OpenedSession } from '../support/service.ts';
import { useDatabase, useService } from '../support/use-service.ts';

const MANY = 150_000;
/** An answer has 1.7 s, and the rows get one more second. */
const IN_TIME = 5_000;
const HOUR = 3_600_000;

describe('more sessions than one statement can end', () => {
  const bed = useDatabase();
  const { database } = bed;
  const { service } = useService({ CONTRACTS: 'plec,oauth' }, { on: bed });
  const { service: other } = useService({ CONTRACTS: 'plec,oauth' }, { on: bed, by: spawnService });

  /** Copies a session many times over, each older by a minute and more. */
  async function fill({ session }: OpenedSession, subject: string, many = MANY): Promise<void> {
    await database.query(
      `INSERT INTO public.sessions
       SELECT r.* FROM public.sessions s, generate_series(1, $2::int) AS n,
         LATERAL jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(),
           'subject', $3::text || CASE WHEN s.client_bound THEN n::text ELSE '' END,
           'created_at', s.created_at - interval '1 minute' - n * interval '1 millisecond')) AS r
       WHERE s.id = $1`,
      [session.id, many, subject],
    );
    await database.query('ANALYZE public.sessions');
  }

  /** Keeps one of the oldest rows locked, so that no marking gets past it. */
  async function lockOne(condition: string, order = 'created_at'): Promise<pg.Client> {
    const locking = await database.connect();
    await locking.query('BEGIN');
    await locking.query(`SELECT FROM public.sessions WHERE id =
      (SELECT id FROM public.sessions WHERE ${condition} ORDER BY ${order} OFFSET 1500 LIMIT 1) FOR UPDATE`);
    return locking;
  }

  const unmarked = async (condition: string): Promise<number> => {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int FROM public.sessions WHERE ${condition} AND revoked_at IS NULL`,
    );
    return row!.count;
  };
  const left = async (): Promise<number> =>
    (await database.query('SELECT FROM public.bulk_revocations')).length;
  /** What both processes answer to a session's latest token: 200, and then it has a newer one, or why not. */
  async function present(
    opened: OpenedSession,
    ask: (url: string) => Promise<Response>,
  ): Promise<(string | number)[]> {
    const answers = await Promise.all(
      [service, other].map(async ({ url }) => {
        const response = await ask(url);
        return { status: response.status, said: (await response.json()) as Record<string, string> };
      }),
    );
    return answers.map(({ status, said }) => {
      opened.refreshToken = said['refreshToken'] ?? said['refresh_token'] ?? opened.refreshToken;
      return said['code'] ?? said['error'] ?? status;
    });
  }
  const refreshed = (opened: OpenedSession): Promise<(string | number)[]> => {
    const body = JSON.stringify({ refreshToken: opened.refreshToken });
    const headers = { 'content-type': 'application/json' };
    return present(opened, (url) => fetch(`${url}/auth/refresh`, { method: 'POST', headers, body }));
  };
  const refreshedBy = (client: string, opened: OpenedSession): Promise<(string | number)[]> => {
    const form = { grant_type: 'refresh_token', refresh_token: opened.refreshToken, client_id: client };
    const body = new URLSearchParams(form);
    return present(opened, (url) => fetch(`${url}/oauth/token`, { method: 'POST', body }));
  };

  /** Lets the clean-up finish, and waits an hour for it to forget. */
  async function cleanUp(): Promise<void> {
    const cleanup = service.app!.nest.get(Cleanup);
    await cleanup.markRevoked();
    expect(await left()).toBe(1);
    await database.advance(HOUR + 1_000);
    await cleanup.markRevoked();
    expect(await left()).toBe(0);
  }

  test('of everybody, or of a client id, are ended up to a time; whoever signed in after it stays', async () => {
    await service.api('POST', '/clients', { id: 'stolen', authMethod: 'none' });
    const ada = await service.open();
    const bound = await service.open({ clientId: 'stolen', subject: 'kim' });
    const here = await service.open({ subject: 'operator' });
    await fill(ada, 'somebody', 2_500);
    await database.advance(2 * HOUR);
    const [{ before }] = (await database.query<{ before: Date }>('SELECT clock.now() AS before')) as [
      { before: Date },
    ];
    await database.advance(2 * HOUR);
    const since = await service.open();
    const others = await service.open({ clientId: 'stolen', subject: 'kim' });
    const locking = await lockOne('true', 'id');
    const end = async (query: string): Promise<unknown> =>
      (await service.api('DELETE', `/sessions?before=${before.toISOString()}&${query}`)).json();

    expect(await end('clientId=stolen')).toEqual({ revoked: 1 });
    expect(await refreshedBy('stolen', bound)).toEqual(['invalid_grant', 'invalid_grant']);
    expect(await refreshedBy('stolen', others)).toEqual([200, 200]);
    for (const live of [ada, here, since]) expect(await refreshed(live)).toEqual([200, 200]);

    expect(await end(`all=true&except=${here.session.id}`)).toMatchObject({ pending: true });
    expect(await unmarked(`subject = 'somebody'`)).toBeGreaterThan(1_000);
    expect(await refreshed(ada)).toEqual(['REVOKED', 'REVOKED']);
    for (const live of [here, since]) expect(await refreshed(live)).toEqual([200, 200]);
    expect(await refreshedBy('stolen', others)).toEqual([200, 200]);
    const dry = { refreshToken: ada.refreshToken };
    expect((await service.post('/auth/refresh?dryRun=true', dry)).status).toBe(401);
    expect(await (await service.api('POST', '/sessions/inspect', dry)).json()).toMatchObject({
      reason: 'revoked',
      session: { status: 'revoked', revokedBy: 'service' },
    });
    const listed = await (await service.api('GET', '/sessions?subject=ada')).json();
    expect((listed as { sessions: object[] }).sessions).toMatchObject([
      { id: since.session.id, status: 'active' },
      { id: ada.session.id, status: 'revoked' },
    ]);

    await locking.query('ROLLBACK');
    await locking.end();
    const cleanup = service.app!.nest.get(Cleanup);
    await cleanup.markRevoked();
    await cleanup.markRevoked();
    expect(await left()).toBe(0);
    expect(await unmarked('true')).toBe(3);
    expect(await refreshed(ada)).toEqual(['REVOKED', 'REVOKED']);
    for (const live of [here, since]) expect(await refreshed(live)).toEqual([200, 200]);
  });

  test('are not ended by mistake: whose must be said, and a time that has been', async () => {
    const { session } = await service.open({ subject: 'cautious' });
    const said = async (query: string): Promise<unknown> => {
      const response = await service.api('DELETE', `/sessions?${query}`);
      return [response.status, ((await response.json()) as { details: object }).details];
    };
    const refused = (name: string, message: unknown): unknown => [400, { [name]: [message] }];
    const whose = refused('query', 'one of subject, clientId and all=true must say whose sessions end');
    const past = 'before=2026-01-31T09:30:00Z';
    for (const query of ['', past, 'subject=cautious&all=true', 'subject=cautious&clientId=web'])
      expect(await said(query)).toEqual(whose);
    for (const query of ['all=', 'all=false', 'all=1'])
      expect(await said(query)).toEqual(refused('all', 'all must be true, or left out'));
    const future = new Date(Date.now() + 999 * HOUR).toISOString();
    expect(await said(`all=true&before=${future}`)).toEqual(
      refused('before', 'before must not be later than now, by the clock of the database'),
    );
    for (const before of [
      'yesterday',
      '2026-01-31',
      '2026-01-31T09:30:00',
      '2026-W05T09:30:00Z',
      '0000-01-01T00:00:00Z',
    ])
      expect(await said(`all=true&before=${before}`)).toEqual(
        refused('before', expect.stringContaining('RFC 3339')),
      );
    expect(await said('all=true&before=2026-02-30T09:30:00Z')).toEqual(refused('before', expect.any(String)));
    expect(await (await service.api('GET', `/sessions/${session.id}`)).json()).toMatchObject({
      status: 'active',
    });
  });

  test('of one subject are ended by one call; their rows follow, and whoever signs in again stays', async () => {
    const here = await service.open({ subject: 'robot' });
    const there = await service.open({ subject: 'robot' });
    const stranger = await service.open({ subject: 'robot1' });
    await fill(there, 'robot');
    const locking = await lockOne(`subject = 'robot'`);
    const since = performance.now();
    const response = await service.api('DELETE', `/sessions?subject=robot&except=${here.session.id}`);
    expect(performance.now() - since).toBeLessThan(IN_TIME);
    expect([response.status, await response.json()]).toEqual([200, { revoked: 1_000, pending: true }]);

    const again = await service.open({ subject: 'robot' });
    expect(await unmarked(`subject = 'robot'`)).toBe(MANY - 1_000 + 3);
    expect(await refreshed(there)).toEqual(['REVOKED', 'REVOKED']);
    for (const live of [here, again, stranger]) expect(await refreshed(live)).toEqual([200, 200]);
    const path = `/sessions/${there.session.id}`;
    const read = (await (await service.api('GET', path)).json()) as object;
    expect(read).toMatchObject({ status: 'revoked', revokedBy: 'service' });
    const listed = await (await service.api('GET', '/sessions?subject=robot&limit=3')).json();
    expect((listed as { sessions: object[] }).sessions).toMatchObject([
      { id: again.session.id, status: 'active' },
      read,
      { id: here.session.id, status: 'active' },
    ]);
    expect((await service.api('PATCH', path, { scope: 'more' })).status).toBe(409);
    expect((await service.api('DELETE', path)).status).toBe(204);
    const inspected = await service.api('POST', '/sessions/inspect', { refreshToken: there.refreshToken });
    expect(await inspected.json()).toEqual({
      outcome: 'refused',
      reason: 'revoked',
      text: expect.stringMatching(
        /^Its session was ended at .* \(service\); its history says more\.$/,
      ) as string,
      session: read,
      tokens: [{ generation: 0, outcome: 'refused' }],
    });

    await locking.query('ROLLBACK');
    await locking.end();
    await cleanUp();
    expect(await unmarked(`subject = 'robot'`)).toBe(2);
    expect(await (await service.api('GET', path)).json()).toEqual(read);
    expect(await refreshed(there)).toEqual(['REVOKED', 'REVOKED']);
    for (const live of [here, again, stranger]) expect(await refreshed(live)).toEqual([200, 200]);
  }, 180_000);

  test('of one client end with it, and are not revived when it is registered anew', async () => {
    const registration = { id: 'app', authMethod: 'none' };
    await service.api('POST', '/clients', registration);
    const old = await service.open({ clientId: 'app' });
    const unbound = await service.open({ clientId: 'application', unbound: true });
    await fill(old, 'user');
    const locking = await lockOne(`client_id = 'app'`);
    const since = performance.now();
    expect((await service.api('DELETE', '/clients/app')).status).toBe(204);
    expect(performance.now() - since).toBeLessThan(IN_TIME);
    expect((await service.api('POST', '/clients', registration)).status).toBe(201);

    const again = await service.open({ clientId: 'app' });
    expect(await unmarked(`client_id = 'app'`)).toBe(MANY - 1_000 + 2);
    expect(await refreshedBy('app', old)).toEqual(['invalid_grant', 'invalid_grant']);
    expect(await refreshedBy('app', again)).toEqual([200, 200]);
    expect(await refreshed(unbound)).toEqual([200, 200]);

    await locking.query('ROLLBACK');
    await locking.end();
    await cleanUp();
    expect(await unmarked(`client_id = 'app'`)).toBe(1);
    expect(await refreshedBy('app', old)).toEqual(['invalid_grant', 'invalid_grant']);
    expect(await refreshedBy('app', again)).toEqual([200, 200]);
  }, 180_000);
});
