import { createHash, createHmac, randomBytes } from 'node:crypto';
import { sendRaw, type RawAnswer } from '../support/raw-http.ts';
import { useService } from '../support/use-service.ts';
import { importLines } from './import-lines.ts';

const SECRET = 'the-secret-of-better-auth-of-32-characters';
const OLD = '__Secure-better-auth.session_token';

describe('whoever comes with a cookie of the system before', () => {
  const { database, service } = useService({
    CONTRACTS: 'plec,nest-auth,watchr@/watchr,dynamosql',
    LEGACY_TOKENS: 'better-auth@2999-12-31,sha256@2999-12-31',
    LEGACY_BETTER_AUTH_SECRETS: SECRET,
    LEGACY_COOKIES: `${OLD},sid@/session/refresh`,
    ALLOWED_ORIGINS: 'https://app.example.com',
    COOKIE_DOMAIN: 'example.com',
  });

  /** A session of better-auth that has moved in, and what its cookie holds. */
  const moveIn = async (subject = 'ada'): Promise<string> => {
    const token = randomBytes(24).toString('base64url');
    const { refused } = await importLines(service, [{ lookup: { 'better-auth': token }, subject }]);
    expect(refused).toEqual([]);
    const mac = createHmac('sha256', SECRET).update(token).digest('base64');
    return encodeURIComponent(`${token}.${mac}`);
  };
  const ask = (cookie: string, path = '/auth/refresh', headers = {}): Promise<RawAnswer> =>
    sendRaw(service.url, { method: 'POST', path, headers: { cookie, host: 'auth.example.com', ...headers } });
  const cookiesOf = ({ headers }: RawAnswer): string[] => [headers['set-cookie'] ?? []].flat();
  const valueOf = (answer: RawAnswer, name: string): string | undefined =>
    cookiesOf(answer)
      .map((line) => new RegExp(`^${name}=([^;]+);`).exec(line)?.[1])
      .find(Boolean);

  test.each([
    ['plec', '/auth/refresh', 'refresh_token'],
    ['watchr', '/watchr/auth/refresh', 'refresh_token'],
    ['nest-auth', '/auth/refresh-token', 'refreshToken'],
  ])('is refreshed over %s, and has its own cookie in place of that', async (contract, path, name) => {
    const old = await moveIn();
    const mode = contract === 'nest-auth' ? { 'x-access-token-type': 'cookie' } : {};
    const answer = await ask(`theme=dark; ${OLD}=${old}`, path, mode);
    expect(answer.status).toBe(200);
    expect(valueOf(answer, name)).toMatch(/^rt1_/);
    const cleared = cookiesOf(answer).filter((line) => line.startsWith(`${OLD}=;`));
    // At / and where the contract is; of this host alone, and of the domain that it is in; and as a browser needs it for the prefix.
    for (const where of [
      '; Path=/; HttpOnly',
      '; Path=/; Domain=example.com',
      '; Path=/; Domain=auth.example.com',
    ])
      expect(cleared.filter((line) => line.includes(where))).not.toEqual([]);
    for (const line of cleared) expect(line).toMatch(/Max-Age=0.*; Secure$/);
  });

  test('is given the very same successor again, if the answer was lost', async () => {
    const old = await moveIn();
    const [one, two] = [await ask(`${OLD}=${old}`), await ask(`${OLD}=${old}`)];
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(valueOf(two, 'refresh_token')).toBe(valueOf(one, 'refresh_token'));
  });

  test('goes on, if the browser keeps the old one beside the new one', async () => {
    const old = await moveIn();
    let own = valueOf(await ask(`${OLD}=${old}`), 'refresh_token')!;
    for (let turn = 0; turn < 3; turn++) {
      await database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour'`);
      const answer = await ask(
        turn === 1 ? `refresh_token=${own}; ${OLD}=${old}` : `${OLD}=${old}; refresh_token=${own}`,
      );
      expect([turn, answer.status]).toEqual([turn, 200]);
      expect(cookiesOf(answer).some((line) => line.startsWith(`${OLD}=; Max-Age=0`))).toBe(true);
      own = valueOf(answer, 'refresh_token')!;
    }
  });

  test('of somebody else than its own is told so, and neither is spent', async () => {
    const { refreshToken } = await service.open({ subject: 'eve' });
    const old = await moveIn('ada');
    const before = await database.dump();
    const answer = await ask(`refresh_token=${refreshToken}; ${OLD}=${old}`);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('of different people');
    expect(await database.dump()).toBe(before);
  });

  test('is signed out by a logout, which clears it', async () => {
    const old = await moveIn();
    const answer = await ask(`${OLD}=${old}`, '/auth/logout');
    expect(answer.status).toBe(204);
    expect(cookiesOf(answer).some((line) => line.startsWith(`${OLD}=; Max-Age=0`))).toBe(true);
    expect((await ask(`${OLD}=${old}`)).status).toBe(401);
  });

  test('keeps it at a dry run, and where it is refused', async () => {
    const old = await moveIn();
    const before = await database.dump();
    const dry = await ask(`${OLD}=${old}`, '/auth/refresh?dryRun=true');
    expect([dry.status, cookiesOf(dry)]).toEqual([200, []]);
    expect(await database.dump()).toBe(before);
    const refused = await ask(`${OLD}=${old.slice(1)}`);
    expect([refused.status, cookiesOf(refused)]).toEqual([401, []]);
  });

  test('is read and cleared where LEGACY_COOKIES says that it is', async () => {
    const token = randomBytes(32).toString('hex');
    const sha256 = createHash('sha256').update(token).digest('hex');
    await importLines(service, [{ lookup: { sha256 }, subject: 'ada' }]);
    const answer = await ask(`sid=${token}`);
    expect(answer.status).toBe(200);
    expect(cookiesOf(answer).some((line) => line.startsWith('sid=; Max-Age=0; Path=/session/refresh;'))).toBe(
      true,
    );
  });

  test('is not there for a contract without cookies', async () => {
    const old = await moveIn();
    expect((await ask(`${OLD}=${old}`, '/v1/auth/refresh')).status).toBe(400);
  });

  test.each([
    ['the service itself', { origin: 'https://auth.example.com' }, 200],
    ['a page that is allowed', { origin: 'https://app.example.com', 'sec-fetch-site': 'same-site' }, 200],
    ['a page that is not', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a page that is not, of an old browser', { origin: 'https://evil.example' }, 403],
  ])('from %s is held to the rules for cookies', async (_page, headers, status) => {
    const old = await moveIn();
    const answer = await ask(`${OLD}=${old}`, '/auth/refresh', headers);
    expect(answer.status).toBe(status);
    if (status === 403) expect((await ask(`${OLD}=${old}`)).status).toBe(200);
  });
});
