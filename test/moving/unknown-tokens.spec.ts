import { createHash, createHmac, randomBytes } from 'node:crypto';
import { startService } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { importLines } from './import-lines.ts';

const SECRET = 'the-secret-of-better-auth-of-32-characters';
const LIMIT = 5;
const SETTINGS = {
  LEGACY_TOKENS: 'sha256@2999-12-31,better-auth@2999-12-31',
  LEGACY_BETTER_AUTH_SECRETS: SECRET,
  RATE_LIMIT_UNKNOWN_TOKENS: String(LIMIT),
  TRUST_PROXY: 'loopback',
  CONTRACTS: 'plec,dynamosql',
};

describe('whoever guesses tokens of the system before', () => {
  const { database, service } = useService(SETTINGS);
  let network = 0;

  /** Somebody with an address of their own. */
  const somebody = (): string => `192.0.2.${++network}`;
  const guess = (): string => randomBytes(32).toString('hex');
  const ask = (
    refreshToken: string,
    from: string,
    { path = '/auth/refresh', at = service } = {},
  ): Promise<Response> => at.post(path, { refreshToken }, { 'x-forwarded-for': from });
  const guessOften = async (from: string, times = LIMIT): Promise<void> => {
    for (let time = 0; time < times; time++) expect((await ask(guess(), from)).status).toBe(401);
  };
  const moveIn = async (): Promise<string> => {
    const token = guess();
    const sha256 = createHash('sha256').update(token).digest('hex');
    expect((await importLines(service, [{ lookup: { sha256 }, subject: 'ada' }])).refused).toEqual([]);
    return token;
  };

  test('is told to wait, over every contract and at a logout, before the database is asked', async () => {
    const from = somebody();
    await guessOften(from);
    for (const path of ['/auth/refresh', '/auth/logout', '/v1/auth/refresh', '/auth/refresh?dryRun=true']) {
      const answer = await ask(guess(), from, { path });
      expect([path, answer.status]).toEqual([path, 429]);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    // Only the database could tell; so it was not asked, if it makes no difference that it cannot be.
    await database.query('ALTER TABLE public.legacy_tokens RENAME TO away');
    const asked = await ask(guess(), from);
    await database.query('ALTER TABLE public.away RENAME TO legacy_tokens');
    expect(asked.status).toBe(429);
  });

  test('holds nobody else up, nor whoever has a token of this service or one that a key has signed', async () => {
    const from = somebody();
    const [first, second] = [await moveIn(), await moveIn()];
    const { refreshToken } = await service.open();
    const signed = randomBytes(24).toString('base64url');
    await importLines(service, [{ lookup: { 'better-auth': signed }, subject: 'ada' }]);
    await guessOften(from);
    expect((await ask(first, somebody())).status).toBe(200);
    expect((await ask(refreshToken, from)).status).toBe(200);
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64');
    expect((await ask(`${signed}.${mac}`, from)).status).toBe(200);
    // One that would be good has to wait with the others, and is good afterwards.
    expect((await ask(second, from)).status).toBe(429);
    expect((await ask(second, somebody())).status).toBe(200);
  });

  test('is not counted for tokens that are good, nor for what is none by its form', async () => {
    const from = somebody();
    const token = await moveIn();
    for (let time = 0; time < 2 * LIMIT; time++) {
      expect((await ask(token, from)).status).toBe(200);
      expect((await ask('rt1_x', from)).status).toBe(401);
    }
    await guessOften(from);
    expect((await ask(guess(), from)).status).toBe(429);
  });

  test('is known to every replica, where they count together', async () => {
    const shared = { DATABASE_URL: database.url, ...SETTINGS, RATE_LIMIT_STORE: 'postgresql' };
    const replicas = [await startService(shared), await startService(shared)];
    try {
      const from = somebody();
      const statuses = [];
      for (let time = 0; time < 3 * LIMIT; time++)
        statuses.push((await ask(guess(), from, { at: replicas[time % 2]! })).status);
      // Each replica learns it with the guess that is one too many.
      expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(LIMIT + 2);
      expect(statuses.slice(-LIMIT)).toEqual(Array.from({ length: LIMIT }, () => 429));
    } finally {
      await Promise.all(replicas.map((replica) => replica.stop()));
    }
  });
});
