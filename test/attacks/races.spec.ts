import { readRefreshToken, type RefreshToken } from '../../src/core/refresh-token.ts';
import { TestDatabase } from '../support/database.ts';
import { spawnService, type OpenedSession, type TestService } from '../support/service.ts';
import {
  asBackend,
  bodyOf,
  connections,
  form,
  json,
  report,
  send,
  Tally,
  type Answer,
  type Call,
  config,
} from './call.ts';

/** Rounds in all, spread over the races; each is fifty requests or more. */
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 1_000);
const RUNNERS = 50;
const GRACE = 10_000;

describe('fifty requests at once, at two processes', () => {
  let database: TestDatabase;
  let services: TestService[];
  const statuses = new Tally();
  let subjects = 0;

  beforeAll(async () => {
    database = await TestDatabase.create();
    const settings = { DATABASE_URL: database.url, CONTRACTS: 'plec,oauth' };
    services = await Promise.all([0, 1].map(() => spawnService(settings)));
  });

  afterAll(async () => {
    connections.destroy();
    await Promise.all(services.map((service) => service.stop()));
    await database.drop();
  });

  const at = async (place: number, call: Call): Promise<Answer> => {
    const answer = await send(services[place % 2]!.url, call);
    statuses.add(answer.status);
    return answer;
  };
  const refresh = (refreshToken: string): Call => json('/auth/refresh', { refreshToken });
  const all = (calls: readonly Call[]): Promise<Answer[]> =>
    Promise.all(calls.map((call, place) => at(place, call)));
  const open = async (more: Record<string, unknown> = {}): Promise<OpenedSession> => {
    const answer = await at(subjects, asBackend('POST', '/sessions', { subject: `s${++subjects}`, ...more }));
    expect(answer.status).toBe(201);
    return bodyOf(answer) as unknown as OpenedSession;
  };
  const rowOf = async (id: string): Promise<{ generation: number; ended: boolean }> => {
    const [row] = await database.query<{ generation: number; ended: boolean }>(
      'SELECT generation, revoked_at IS NOT NULL AS ended FROM sessions WHERE id = $1',
      [id],
    );
    return row!;
  };
  const handedOut = (answers: readonly Answer[]): string[] => [
    ...new Set(
      answers
        .filter(({ status }) => status === 200)
        .map((answer) => {
          const { refreshToken, refresh_token } = bodyOf(answer);
          return String(refreshToken ?? refresh_token);
        }),
    ),
  ];
  const generationIn = (token: string): number =>
    (readRefreshToken(token, config.refreshTokenKeys) as RefreshToken).generation;

  /** No token is newer than the row, and no generation has two. */
  const expectOneGeneration = async (id: string, tokens: readonly string[]): Promise<void> => {
    const { generation } = await rowOf(id);
    const generations = tokens.map(generationIn);
    expect(new Set(generations).size).toBe(tokens.length);
    expect(Math.max(0, ...generations)).toBeLessThanOrEqual(generation);
  };

  test('one token fifty times gives one successor', async () => {
    const rounds = Math.ceil(ROUNDS / 5);
    for (let round = 0; round < rounds; round++) {
      const { refreshToken, session } = await open();
      const answers = await all(Array.from({ length: RUNNERS }, () => refresh(refreshToken)));
      const tokens = handedOut(answers);
      expect(
        answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 503),
      ).toEqual([]);
      expect(tokens).toHaveLength(1);
      expect(await rowOf(session.id)).toEqual({ generation: 1, ended: false });
      expect(generationIn(tokens[0]!)).toBe(1);
    }
    report('one token, fifty times at once', rounds, 'one successor and one rotation each time');
  });

  test('a disowned token beside the newest ends the session, whoever is first', async () => {
    const rounds = Math.ceil(ROUNDS / 5);
    const came = new Tally();
    for (let round = 0; round < rounds; round++) {
      const { refreshToken: old, session } = await open();
      const successor = String(bodyOf(await at(round, refresh(old)))['refreshToken']);
      await database.advance(GRACE + 1);
      const newest = String(bodyOf(await at(round, refresh(successor)))['refreshToken']);
      await database.advance(GRACE + 1);
      const answers = await all(
        Array.from({ length: RUNNERS }, (_, n) => refresh((n + round) % 3 ? newest : old)),
      );
      answers.forEach((answer, n) => {
        came.add(`${(n + round) % 3 ? 'owner' : 'thief'} ${answer.status}`);
      });
      const tokens = [newest, ...handedOut(answers)];
      expect((await rowOf(session.id)).ended).toBe(true);
      await expectOneGeneration(session.id, [...new Set(tokens)]);
      const after = await all([...new Set([old, ...tokens])].map(refresh));
      expect(after.map(({ status }) => status)).toEqual(after.map(() => 401));
    }
    expect(came.of('thief 200')).toBe(0);
    report('replay against refresh', rounds, `every session ended (${came.toString()})`);
  });

  /** Refreshes on all sides while one request ends the session; from its answer on, nothing may be let in. */
  async function endWhileRefreshing(
    kind: string,
    rounds: number,
    prepare: () => Promise<{
      opened: OpenedSession;
      use: (token: string) => Call;
      end: (token: string) => Call;
    }>,
    afterwards: (opened: OpenedSession) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const came = new Tally();
    for (let round = 0; round < rounds; round++) {
      const { opened, use, end } = await prepare();
      const ending = Math.floor((round * RUNNERS) / rounds);
      const late: Answer[] = [];
      const answers = await Promise.all(
        Array.from({ length: RUNNERS }, async (_, place) => {
          if (place !== ending) return at(place, use(opened.refreshToken));
          const ended = await at(place, end(opened.refreshToken));
          // While the others are still on their way.
          if (ended.status < 300)
            late.push(...(await all([use(opened.refreshToken), use(opened.refreshToken)])));
          return ended;
        }),
      );
      if (answers[ending]!.status >= 300) {
        expect(answers[ending]!.status).toBe(503);
        came.add('ending put off');
        continue;
      }
      answers.forEach((answer, place) => {
        if (place !== ending) came.add(answer.status);
      });
      expect(late.filter(({ status }) => status < 300)).toEqual([]);
      const tokens = handedOut(answers.filter((_, place) => place !== ending));
      await expectOneGeneration(opened.session.id, tokens);
      expect((await rowOf(opened.session.id)).ended).toBe(true);
      const after = await all([opened.refreshToken, ...tokens].map(use));
      expect(after.filter(({ status }) => status < 300)).toEqual([]);
      await afterwards(opened);
    }
    report(kind, rounds, `no session lived on (refreshes: ${came.toString()})`);
  }

  const share = Math.ceil(ROUNDS * 0.15);

  test('a logout is final for whoever was refreshing', async () => {
    await endWhileRefreshing('refresh against logout', share, async () => ({
      opened: await open(),
      use: refresh,
      end: (refreshToken) => json('/auth/logout', { refreshToken }),
    }));
  });

  test('an end put to the session by its login backend is final', async () => {
    await endWhileRefreshing('refresh against DELETE /sessions/{id}', share, async () => {
      const opened = await open();
      return { opened, use: refresh, end: () => asBackend('DELETE', `/sessions/${opened.session.id}`) };
    });
  });

  test('an end put to all sessions of a subject is final for each', async () => {
    const others: OpenedSession[] = [];
    await endWhileRefreshing(
      'refresh against DELETE /sessions?subject=',
      share,
      async () => {
        const opened = await open();
        others.push(await open({ subject: opened.session.subject }));
        return {
          opened,
          use: refresh,
          end: () => asBackend('DELETE', `/sessions?subject=${opened.session.subject}`),
        };
      },
      async () => expect((await rowOf(others.at(-1)!.session.id)).ended).toBe(true),
    );
  });

  test('the removal of a client is final for its sessions, and for those that were just being opened', async () => {
    let client = '';
    const opening: Promise<Answer>[] = [];
    const born = new Tally();
    await endWhileRefreshing(
      'refresh and opening against DELETE /clients/{id}',
      share,
      async () => {
        client = `race-${++subjects}`;
        const registered = await at(0, asBackend('POST', '/clients', { id: client, authMethod: 'none' }));
        expect(registered.status).toBe(201);
        const opened = await open({ clientId: client });
        const ofClient = { subject: 'ada', clientId: client };
        return {
          opened,
          use: (token) =>
            form('/oauth/token', { grant_type: 'refresh_token', refresh_token: token, client_id: client }),
          end: () => {
            for (let place = 0; place < 6; place++)
              opening.push(at(place, asBackend('POST', '/sessions', ofClient)));
            return asBackend('DELETE', `/clients/${client}`);
          },
        };
      },
      async () => {
        for (const { status } of await Promise.all(opening.splice(0))) born.add(status);
        const live = await database.query(
          'SELECT id FROM sessions WHERE client_bound AND client_id = $1 AND revoked_at IS NULL',
          [client],
        );
        expect(live).toEqual([]);
      },
    );
    report(
      'sessions opened for a client while it was removed',
      share * 6,
      `none lived on (${born.toString()})`,
    );
  });

  test('those who end many sessions at once never wait for each other in a circle', async () => {
    const rounds = Math.max(1, Math.ceil(ROUNDS / 50));
    for (let round = 0; round < rounds; round++) {
      const client = `many-${++subjects}`;
      await at(0, asBackend('POST', '/clients', { id: client, authMethod: 'none' }));
      const subject = `many-${subjects}`;
      const opened = await Promise.all(Array.from({ length: 40 }, () => open({ subject, clientId: client })));
      const answers = await all([
        ...opened.map(({ refreshToken }) =>
          form('/oauth/token', {
            grant_type: 'refresh_token',
            refresh_token: refreshToken,
            client_id: client,
          }),
        ),
        ...Array.from({ length: 5 }, () => asBackend('DELETE', `/sessions?subject=${subject}`)),
        ...Array.from({ length: 5 }, () => asBackend('DELETE', `/clients/${client}`)),
      ]);
      expect(answers.slice(-10).filter(({ status }) => status >= 300 && status !== 503)).toEqual([]);
      const live = await database.query('SELECT id FROM sessions WHERE subject = $1 AND revoked_at IS NULL', [
        subject,
      ]);
      expect(live).toEqual([]);
    }
    report('ten who end the same forty sessions, while they are refreshed', rounds, 'all ended');
  });

  test('none of it deadlocked, and no answer was an error of ours', async () => {
    // The statistics of a connection are written down a second after it was last used.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await Promise.all([0, 1].map((place) => at(place, asBackend('GET', '/sessions?subject=ada'))));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const [counted] = await database.query<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    report('requests in races', ROUNDS, `deadlocks ${counted!.deadlocks}, statuses ${statuses.toString()}`);
    expect(Number(counted!.deadlocks)).toBe(0);
    expect(statuses.of(500)).toBe(0);
    expect(statuses.toString()).not.toMatch(/\b5(?!03)\d\d ×/);
  });
});
