import { createSecretKey, randomBytes } from 'node:crypto';
import { mintRefreshToken, newHandle } from '../../src/core/refresh-token.ts';
import { useService } from '../support/use-service.ts';

const MANY = 200;

/** Whoever sends these was never given one of ours. */
const GARBAGE: Readonly<Record<string, () => string>> = {
  'tokens under a key that is not ours': () =>
    mintRefreshToken(
      { handle: newHandle(), generation: 0, deadline: 4_000_000_000 },
      { kid: 1, secret: createSecretKey(randomBytes(32)) },
    ),
  'tokens of another make': () => randomBytes(40).toString('base64url'),
  'texts of any length': () => randomBytes(Math.ceil(Math.random() * 2_000)).toString('hex'),
};

/** Of what the service asks by itself: its key ring's, and the clean-up's, whose moment is drawn by lot. */
const ITS_OWN = 'signing_keys|bulk_revocations WHERE NOT marked|DELETE FROM (used_jtis|rate_counts|sessions)';

describe('as garbage,', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,watchr@/watchr,nest-auth,akinon' });

  const now = async (): Promise<unknown> =>
    (await database.query('SELECT clock_timestamp() AS now'))[0]!['now'];

  test.each(Object.entries(GARBAGE))('%s cost the database not one statement', async (_name, make) => {
    // A statement is seen if there is one: the check itself is checked.
    const before = await now();
    await (await service.refresh((await service.open()).refreshToken)).text();
    expect(await statementsSince(before)).not.toEqual([]);

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
    expect(await statementsSince(from)).toEqual([]);
  });

  /** What the service was last made to ask on each connection since then. */
  async function statementsSince(time: unknown): Promise<string[]> {
    const rows = await database.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE application_name = 'ratchet'
         AND datname = current_database() AND query_start > $1 AND query !~ $2`,
      [time, ITS_OWN],
    );
    return rows.map(({ query }) => query);
  }
});
