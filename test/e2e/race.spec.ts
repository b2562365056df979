import { TestDatabase } from '../support/database.ts';
import { spawnService, type OpenedSession, type TestService } from '../support/service.ts';

const TIMES = 20;

describe.each([
  { mode: 'with a grace window', grace: '10s' },
  { mode: 'in strict mode', grace: '0' },
])('twenty simultaneous refreshes of one token at two processes, $mode', ({ grace }) => {
  let database: TestDatabase;
  let services: TestService[];

  beforeAll(async () => {
    database = await TestDatabase.create();
    const settings = { DATABASE_URL: database.url, ROTATION_GRACE: grace };
    services = await Promise.all([spawnService(settings), spawnService(settings)]);
  });

  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await database.drop();
  });

  async function race(
    refreshToken: string,
  ): Promise<{ status: number; body: Partial<OpenedSession> & { code?: string } }[]> {
    const answers = Array.from({ length: TIMES }, (_, index) => services[index % 2]!.refresh(refreshToken));
    return Promise.all(
      answers.map(async (pending) => {
        const answer = await pending;
        return { status: answer.status, body: (await answer.json()) as OpenedSession };
      }),
    );
  }

  const generationOf = async (id: string): Promise<unknown> =>
    (await database.query('SELECT generation FROM sessions WHERE id = $1', [id]))[0]!['generation'];

  if (grace === '0') {
    test('exactly one is answered with a successor, and the session ends for all', async () => {
      const { refreshToken, session } = await services[0]!.open();
      const answers = await race(refreshToken);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(TIMES - 1);
      expect(await generationOf(session.id)).toBe(1);
      const winner = answers.find(({ status }) => status === 200)!.body.refreshToken!;
      expect((await services[1]!.refresh(winner)).status).toBe(401);
    });
    return;
  }

  test('all are answered with the same successor, after one rotation', async () => {
    const { refreshToken, session } = await services[0]!.open();
    const answers = await race(refreshToken);
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(TIMES).fill(200));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect(answers[0]!.body.refreshToken).not.toBe(refreshToken);
    expect(await generationOf(session.id)).toBe(1);
  });

  test('once their successor is used the old token is reuse, and then the newest is refused too', async () => {
    const { refreshToken: old } = await services[0]!.open();
    const successor = (await race(old))[0]!.body.refreshToken!;
    await database.advance(10_001);
    const newest = (await race(successor))[0]!.body.refreshToken!;
    const thief = await services[0]!.refresh(old);
    expect([thief.status, ((await thief.json()) as { code: string }).code]).toEqual([401, 'REUSED']);
    const owner = await services[1]!.refresh(newest);
    expect([owner.status, ((await owner.json()) as { code: string }).code]).toEqual([401, 'REVOKED']);
  });

  test('after the window all are answered with another successor, after one recovery', async () => {
    const { refreshToken, session } = await services[0]!.open();
    const lost = (await race(refreshToken))[0]!.body.refreshToken!;
    await database.advance(10_001);
    const answers = await race(refreshToken);
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(TIMES).fill(200));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect(answers[0]!.body.refreshToken).not.toBe(lost);
    expect(await generationOf(session.id)).toBe(2);
  });

  test('a storm of the newest token inside the window changes nothing', async () => {
    const { refreshToken, session } = await services[0]!.open();
    const newest = (await race(refreshToken))[0]!.body.refreshToken!;
    const storm = await race(newest);
    expect(new Set(storm.map(({ body }) => body.refreshToken))).toEqual(new Set([newest]));
    expect(await generationOf(session.id)).toBe(1);
  });
});
