import { randomBytes } from 'node:crypto';
import { mintRefreshToken, newHandle } from '../../src/core/refresh-token.ts';
import { TestDatabase } from '../support/database.ts';
import { startService, type TestService } from '../support/service.ts';

const MANY = 200;

/** Whoever sends these was never given one of ours. */
const GARBAGE: Readonly<Record<string, () => string>> = {
  'tokens under a key that is not ours': () =>
    mintRefreshToken(
      { handle: newHandle(), generation: 0, deadline: 4_000_000_000 },
      { kid: 1, secret: randomBytes(32) },
    ),
  'tokens of another make': () => randomBytes(40).toString('base64url'),
  'texts of any length': () => randomBytes(Math.ceil(Math.random() * 2_000)).toString('hex'),
};

describe('garbage', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'plec,watchr@/watchr,nest-auth,akinon',
    });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const now = async (): Promise<unknown> =>
    (await database.query('SELECT clock_timestamp() AS now'))[0]!['now'];

  test.each(Object.entries(GARBAGE))('%s cost the database not one statement', async (_name, make) => {
    // A statement is seen if there is one: the check itself is checked.
    const before = await now();
    await (await service.refresh((await service.open()).refreshToken)).text();
    expect(await statementsSince(before)).toBeGreaterThan(0);

    const from = await now();
    const answers = await Promise.all(
      Array.from({ length: MANY }, async (_, at) => {
        const token = make();
        const answer =
          at % 4 === 0
            ? await service.refresh(token)
            : at % 4 === 1
              ? await service.post('/watchr/auth/refresh', undefined, { cookie: `refresh_token=${token}` })
              : at % 4 === 2
                ? await service.post('/auth/refresh-token', { refreshToken: token })
                : await service.post('/api/v1/auth/refresh-token', { refreshToken: token });
        await answer.text();
        return answer.status;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([401]));
    expect(await statementsSince(from)).toBe(0);
  });

  async function statementsSince(time: unknown): Promise<number> {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'ratchet'
         AND datname = current_database() AND query_start > $1 AND query NOT LIKE '%signing_keys%'`,
      [time],
    );
    return row!.count;
  }
});
