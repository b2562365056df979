import { spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JwtService } from '@nestjs/jwt';
import { readConfig } from '../../src/config/environment.ts';
import { CONTRACTS } from '../../src/contracts/registry.ts';
import { readLine } from '../../src/sessions/import/line-reader.ts';
import { SETTINGS } from '../support/service.ts';
import { importLines } from './import-lines.ts';
import { useService } from '../support/use-service.ts';

const SECRET = 'a-secret-of-the-other-system-of-32-chars';
const KEYCLOAK_SECRET = 'the-hmac-generated-secret-of-a-realm';
const JWT = new JwtService();
const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();

/** A token that another system has given out, and how a line of an import says it. */
interface Given {
  readonly token: string;
  readonly lookup: object;
}

/** The published algorithms, each from its source (src/core/legacy-token.ts), by which the systems make and store tokens. */
const SYSTEMS: Readonly<Record<string, () => Given>> = {
  'a table of digests': () => {
    const token = randomBytes(32).toString('base64url');
    return { token, lookup: { sha256: sha256(token).toString('hex') } };
  },
  'better-auth, its OAuth provider': () => {
    const token = randomBytes(24).toString('base64url');
    return { token, lookup: { sha256: sha256(token).toString('base64url') } };
  },
  'better-auth, its session cookie': () => {
    const token = randomBytes(24).toString('base64url');
    const signature = createHmac('sha256', SECRET).update(token).digest('base64');
    return { token: encodeURIComponent(`${token}.${signature}`), lookup: { 'better-auth': token } };
  },
  'Supabase v1, and oidc-provider': () => {
    const token = randomBytes(16).toString('base64url');
    return { token, lookup: { token } };
  },
  'Supabase v2': () => {
    const [session, key] = [randomUUID(), randomBytes(32)];
    const payload = Buffer.concat([
      Buffer.from([0]),
      Buffer.from(session.replaceAll('-', ''), 'hex'),
      Buffer.from([7]),
    ]);
    const signed = Buffer.concat([
      payload,
      createHmac('sha256', key).update(payload).digest().subarray(0, 16),
    ]);
    const token = Buffer.concat([signed, sha256(signed).subarray(0, 4)]).toString('base64url');
    return { token, lookup: { supabase: { session, key: key.toString('base64'), counter: 7 } } };
  },
  SuperTokens: () => {
    const token = randomBytes(64).toString('hex');
    return { token, lookup: { sha256x2: sha256(sha256(token).toString('hex')).toString('hex') } };
  },
  Hydra: () => {
    const key = randomBytes(32);
    const signature = createHmac('sha512-256', sha256(SECRET)).update(key).digest('base64url');
    return { token: `ory_rt_${key.toString('base64url')}.${signature}`, lookup: { hydra: signature } };
  },
  Keycloak: () => {
    const sid = randomUUID();
    const token = JWT.sign(
      { typ: 'Refresh', sid, jti: randomUUID() },
      { secret: KEYCLOAK_SECRET, algorithm: 'HS512', expiresIn: '30d' },
    );
    return { token, lookup: { jwt: { sid } } };
  },
};

/** Texts of the form of each keyed lane, that no key has made. */
const FORGED: Readonly<Record<string, () => string>> = {
  'of Hydra': () =>
    `ory_rt_${randomBytes(32).toString('base64url')}.${randomBytes(32).toString('base64url')}`,
  'of better-auth': () => `${randomBytes(24).toString('base64url')}.${randomBytes(32).toString('base64')}`,
  'of Keycloak': () =>
    JWT.sign({ typ: 'Refresh', sid: randomUUID() }, { secret: `${KEYCLOAK_SECRET}?`, algorithm: 'HS512' }),
  'of Keycloak, unsigned': () => {
    const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
    return `${part({ alg: 'none' })}.${part({ typ: 'Refresh', sid: randomUUID() })}.AA`;
  },
  'of Keycloak, for something else': () =>
    JWT.sign({ typ: 'Bearer', sid: randomUUID() }, { secret: KEYCLOAK_SECRET, algorithm: 'HS512' }),
};

const KEYED = {
  LEGACY_BETTER_AUTH_SECRETS: `older-${SECRET},${SECRET}`,
  LEGACY_HYDRA_SECRETS: `${SECRET},older-${SECRET}`,
  LEGACY_JWT: 'HS512:sid:typ=Refresh',
  LEGACY_JWT_KEYS: KEYCLOAK_SECRET,
};

const folder = mkdtempSync(join(tmpdir(), 'ratchet-import-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the import, as an operator does; what it said, and the lines that it refused. */
async function runImport(
  url: string,
  lines: readonly (object | string)[],
  ...options: string[]
): Promise<{ status: number | null; said: string; refused: { line: number; reasons: string[] }[] }> {
  const file = join(folder, `${randomUUID()}.refused`);
  const child = spawn(process.execPath, ['dist/import.js', ...options, '--refused', file, '-'], {
    env: { PATH: process.env['PATH'], ...SETTINGS, DATABASE_URL: url },
  });
  child.stdin.end(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Nothing was refused.
  }
  const refused = text.split('\n').filter(Boolean);
  return { status, said, refused: refused.map((line) => JSON.parse(line) as never) };
}

describe('whoever moves in', () => {
  const { database, service } = useService({
    CONTRACTS: 'plec,oauth,dynamosql',
    LEGACY_TOKENS:
      'sha256@2999-12-31,sha256x2@2999-12-31,better-auth@2999-12-31,hydra@2999-12-31,jwt@2999-12-31',
    ...KEYED,
    ROTATION_GRACE: '60s',
  });
  let secret: string;

  beforeAll(async () => {
    const registered = await service.api('POST', '/clients', { id: 'web' });
    ({ secret } = (await registered.json()) as { secret: string });
  });

  const moveIn = async (given: Given, more: object = {}): Promise<void> => {
    const line = {
      lookup: given.lookup,
      subject: 'ada',
      claims: { role: 'admin' },
      device: 'Firefox',
      ...more,
    };
    expect((await importLines(service, [line])).refused).toEqual([]);
  };
  const byCookie = (token: string): Promise<Response> =>
    service.post('/auth/refresh', undefined, { cookie: `refresh_token=${token}` });
  const overOAuth = (token: string): Promise<Response> =>
    fetch(`${service.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`web:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }),
    });
  /** The grace window of a session's last exchange is over, and its recovery window goes on. */
  const endWindows = (id: string): Promise<unknown> =>
    database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour' WHERE id = $1`, [
      id,
    ]);
  const sessions = async (): Promise<Record<string, unknown>[]> =>
    ((await (await service.api('GET', '/sessions?subject=ada&limit=1')).json()) as { sessions: [] }).sessions;

  describe.each(Object.entries(SYSTEMS))('from %s', (_system, give) => {
    test('goes on with the old token in the body, and is given the same successor again', async () => {
      const given = give();
      await moveIn(given);
      const first = await service.refresh(given.token);
      expect(first.status).toBe(200);
      const { refreshToken, accessToken } = (await first.json()) as Record<string, string>;
      expect(refreshToken).toMatch(/^rt1_/);
      const claims = JWT.decode<Record<string, unknown>>(accessToken!);
      expect(claims).toMatchObject({ sub: 'ada', role: 'admin', client_id: 'import' });
      expect(await sessions()).toMatchObject([{ id: claims['sid'], device: 'Firefox', generation: 1 }]);

      const again = (await (await service.refresh(given.token)).json()) as Record<string, string>;
      expect(again['refreshToken']).toBe(refreshToken);
      expect((await service.refresh(refreshToken!)).status).toBe(200);
    });

    test('goes on with the old token in a cookie, and in five tabs at once', async () => {
      const given = give();
      await moveIn(given);
      const answers = await Promise.all(Array.from({ length: 5 }, () => byCookie(given.token)));
      expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
      const cookies = answers.map(
        (answer) => /refresh_token=(rt1_[^;]+)/.exec(answer.headers.get('set-cookie')!)?.[1],
      );
      expect(new Set(cookies).size).toBe(1);
      expect((await byCookie(cookies[0]!)).status).toBe(200);
    });

    test('goes on as a client of OAuth, and as no other', async () => {
      const given = give();
      await moveIn(given, { clientId: 'web' });
      expect((await service.refresh(given.token)).status).toBe(401);
      const answer = await overOAuth(given.token);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ refresh_token: expect.stringMatching(/^rt1_/) as string });
    });

    test('is signed out by a logout with the old token', async () => {
      const given = give();
      await moveIn(given);
      expect((await service.post('/auth/logout', { refreshToken: given.token })).status).toBe(204);
      expect(await sessions()).toMatchObject([{ status: 'revoked', revokedBy: 'logout' }]);
      const answer = await service.refresh(given.token);
      expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'REVOKED' }]);
    });

    test('may try it dry, which uses nothing up', async () => {
      const given = give();
      await moveIn(given);
      const before = await database.dump();
      expect((await service.refresh(given.token, '?dryRun=true')).status).toBe(200);
      expect(await database.dump()).toBe(before);
      expect((await service.refresh(given.token)).status).toBe(200);
    });
  });

  test('is counted once, however often the old token comes', async () => {
    const counted = async (): Promise<number> => {
      const metrics = await (await service.api('GET', '/metrics')).text();
      return Number(/^ratchet_legacy_tokens_used_total (\d+)$/m.exec(metrics)?.[1]);
    };
    const given = SYSTEMS['a table of digests']!();
    await moveIn(given);
    const before = await counted();
    await Promise.all([1, 2, 3].map(() => service.refresh(given.token)));
    await service.refresh(given.token);
    expect(await counted()).toBe(before + 1);
  });

  test('is held to the rules from then on: the old token after its successor was used ends the session', async () => {
    const given = SYSTEMS['a table of digests']!();
    await moveIn(given);
    const { refreshToken } = (await (await service.refresh(given.token)).json()) as Record<string, string>;
    const [{ id }] = (await sessions()) as [{ id: string }];
    await endWindows(id);
    expect((await service.refresh(refreshToken!)).status).toBe(200);
    await endWindows(id);
    const answer = await service.refresh(given.token);
    expect(await answer.json()).toMatchObject({ code: 'REUSED' });
    expect((await service.refresh(refreshToken!)).status).toBe(401);
  });

  test.each(Object.entries(FORGED))(
    'is nobody with a forged token %s, and no row is changed',
    async (_name, forge) => {
      const before = await database.dump();
      for (let count = 0; count < 20; count++) {
        const answer = await service.refresh(forge());
        expect(await answer.json()).toMatchObject({ code: 'MALFORMED_TOKEN' });
      }
      expect(await database.dump()).toBe(before);
    },
  );

  test('may have only one token of a session that has several: the first that comes, and the next is a thief’s', async () => {
    const { lookup, token } = SYSTEMS['Keycloak']!();
    const { sid } = JWT.decode<{ sid: string }>(token);
    const other = JWT.sign({ typ: 'Refresh', sid }, { secret: KEYCLOAK_SECRET, algorithm: 'HS512' });
    await moveIn({ token, lookup });
    expect((await service.refresh(token)).status).toBe(200);
    expect(await (await service.refresh(other)).json()).toMatchObject({ code: 'REUSED' });
    expect(await (await service.refresh(token)).json()).toMatchObject({ code: 'REVOKED' });
  });

  test('is not moved in by whoever may not refresh with the token', async () => {
    const { lookup, token } = SYSTEMS['Keycloak']!();
    const { sid } = JWT.decode<{ sid: string }>(token);
    const other = JWT.sign({ typ: 'Refresh', sid }, { secret: KEYCLOAK_SECRET, algorithm: 'HS512' });
    await moveIn({ token, lookup }, { clientId: 'web' });
    const before = await database.dump();
    expect((await service.refresh(other)).status).toBe(401);
    expect(await database.dump()).toBe(before);
    expect((await overOAuth(token)).status).toBe(200);
  });

  test('is known by a cookie beside that of another person, or of their own', async () => {
    const [mine, hers] = [SYSTEMS['a table of digests']!(), SYSTEMS['a table of digests']!()];
    await moveIn(mine, { subject: 'twin' });
    await moveIn(hers, { subject: 'grace' });
    const twins = (one: string, other: string): Promise<Response> =>
      service.post('/auth/refresh', undefined, { cookie: `refresh_token=${one}; refresh_token=${other}` });
    expect((await twins(mine.token, hers.token)).status).toBe(400);
    const { refreshToken } = await service.open({ subject: 'twin' });
    expect((await twins(mine.token, refreshToken)).status).toBe(200);
  });

  test('leaves nothing behind when the session goes', async () => {
    const given = SYSTEMS['SuperTokens']!();
    await moveIn(given);
    await database.query(`UPDATE public.sessions SET expires_at = now() - interval '2 days'`);
    const { Cleanup } = await import('../../src/ops/cleanup.ts');
    await service.app!.nest.get(Cleanup).walk();
    expect(await database.query('SELECT FROM public.legacy_tokens')).toEqual([]);
  });
});

describe('where only lanes with keys are open', () => {
  const { database, service } = useService({
    LEGACY_TOKENS: 'better-auth@2999-12-31,hydra@2999-12-31,jwt@2999-12-31',
    ...KEYED,
  });

  test.each(Object.entries(FORGED))(
    'forged tokens %s cost the database not one statement',
    async (_name, forge) => {
      const since = async (time: unknown): Promise<unknown[]> =>
        database.query(
          `SELECT query FROM pg_stat_activity WHERE application_name = 'ratchet' AND datname = current_database()
           AND query_start > $1 AND query ~ 'legacy_tokens|FROM sessions WHERE'`,
          [time],
        );
      const now = async (): Promise<unknown> =>
        (await database.query('SELECT clock_timestamp() AS now'))[0]!['now'];
      // A statement is seen if there is one: the check itself is checked.
      const before = await now();
      expect((await service.refresh(SYSTEMS['Hydra']!().token)).status).toBe(401);
      expect(await since(before)).not.toEqual([]);
      const from = await now();
      for (let count = 0; count < 50; count++) expect((await service.refresh(forge())).status).toBe(401);
      expect(await since(from)).toEqual([]);
    },
  );
});

describe('where a lane has closed', () => {
  const { database, service } = useService({ LEGACY_TOKENS: 'sha256@2026-01-31' });

  test('its tokens are no more than any text', async () => {
    const given = SYSTEMS['a table of digests']!();
    await runImport(database.url, [{ lookup: given.lookup, subject: 'ada' }]);
    expect(await (await service.refresh(given.token)).json()).toMatchObject({ code: 'MALFORMED_TOKEN' });
  });
});

describe('an import', () => {
  const { database } = useService();
  const line = (token: string, more: object = {}): object => ({ lookup: { token }, subject: 'ada', ...more });
  const count = async (): Promise<unknown> =>
    (await database.query('SELECT count(*)::int AS n FROM public.sessions'))[0]!['n'];

  test('names each line that is wrong, takes in the others, and prints no secret', async () => {
    const before = Number(await count());
    const { status, said, refused } = await runImport(database.url, [
      line('good-1'),
      '{"lookup": {"token": "secret-1"}, "subject": "ada"',
      line('secret-2', { subjct: 'ada', subject: undefined }),
      { lookup: { sha256: 'secret-3' }, subject: 'ada' },
      { lookup: { md5: 'secret-4' }, subject: 'ada' },
      `{"lookup": {"token": "secret-5"}, "subject": "${'x'.repeat(1_000_000)}"}`,
      line('secret-6', { expiresAt: '2020-01-31T09:30:00Z', createdAt: '31.01.2020' }),
      line('secret-8', { expiresAt: '2999-01-31T09:30:00Z' }),
      line('secret-7', { claims: { sub: 'eve' }, amr: 'pwd' }),
      '',
      '[]',
      line('good-2'),
      line('good-1'),
      line('secret-9', { extras: { 'nest-auth': {} } }),
    ]);
    expect(refused).toEqual([
      { line: 2, reasons: ['the line is not JSON'] },
      { line: 3, reasons: ['subjct is not known; did you mean subject?', 'subject is missing'] },
      { line: 4, reasons: ['lookup sha256: must be 32 bytes, in hexadecimal or base64url'] },
      {
        line: 5,
        reasons: [
          'lookup must have one member of token, better-auth, sha256, sha256x2, hydra, jwt, supabase',
        ],
      },
      { line: 6, reasons: ['the line is longer than 65536 bytes'] },
      {
        line: 7,
        reasons: [
          'createdAt must be a time as in RFC 3339, such as 2026-01-31T09:30:00Z',
          'expiresAt is in the past: the session has ended',
        ],
      },
      { line: 8, reasons: ['expiresAt is more than ten years away'] },
      {
        line: 9,
        reasons: [
          'claims must not name sub, which the service sets',
          'amr must be at most 16 texts of one line',
        ],
      },
      { line: 11, reasons: ['the line is not an object'] },
      {
        line: 14,
        reasons: ['extras must name a contract that is mounted and takes it; mounted are plec'],
      },
    ]);
    expect(said).toMatch(/^2 imported, 1 were there already, 10 refused: see .*\.refused\n$/);
    expect(status).toBe(2);
    expect(said + JSON.stringify(refused)).not.toContain('secret-');
    expect(await count()).toBe(before + 2);
  });

  test('refuses a JWT that is named by other claims than those that LEGACY_JWT names', () => {
    const settings = {
      LEGACY_TOKENS: 'jwt@2999-12-31',
      LEGACY_JWT: 'HS512:sid+azp',
      LEGACY_JWT_KEYS: KEYCLOAK_SECRET,
    };
    const rules = {
      config: readConfig({ ...SETTINGS, DATABASE_URL: database.url, ...settings }, CONTRACTS),
      extras: { flawsIn: () => [] },
    };
    const read = (jwt: object): unknown =>
      readLine(JSON.stringify({ lookup: { jwt }, subject: 'ada' }), rules, new Date());
    expect(read({ azp: 'an-app', sid: 'x' })).toMatchObject({ subject: 'ada' });
    for (const jwt of [{ sid: 'x' }, { sid: 'x', azp: 'an-app', typ: 'Refresh' }])
      expect(read(jwt)).toEqual([
        'lookup jwt: must have the claims that LEGACY_JWT names, which are sid, azp',
      ]);
  });

  test('that is run again imports nothing twice, and one that broke off goes on', async () => {
    const lines = Array.from({ length: 2_500 }, (_, at) => line(`again-${at}`));
    const before = Number(await count());
    expect((await runImport(database.url, lines.slice(0, 1_300))).said).toBe('1,300 imported\n');
    expect((await runImport(database.url, lines)).said).toBe('1,200 imported, 1,300 were there already\n');
    expect((await runImport(database.url, lines, '--from-line', '2401')).said).toBe(
      '0 imported, 100 were there already\n',
    );
    expect(await count()).toBe(before + 2_500);
  });

  test('that is a dry run says what would come of it, and does nothing', async () => {
    const before = await database.dump();
    const { status, said } = await runImport(database.url, [line('dry-1'), '{'], '--dry-run');
    expect(said).toMatch(/^1 would be imported, unless they are there, 1 refused/);
    expect(status).toBe(2);
    expect(await database.dump()).toBe(before);
  });

  test('keeps the times that a line has, and those of the service where it has none', async () => {
    const times = {
      createdAt: '2026-01-31T09:30:00.123Z',
      authTime: '2026-01-30T09:30:00Z',
      expiresAt: '2035-01-31T10:30:00+01:00',
      idleExpiresAt: '2034-01-31T09:30:00Z',
    };
    await runImport(database.url, [
      line('times-1', { ...times, subject: 'with' }),
      line('times-2', { subject: 'without' }),
    ]);
    const [given, other] = await database.query(
      `SELECT *, expires_at - created_at AS lives, idle_expires_at - created_at AS idles FROM public.sessions
       WHERE subject IN ('with', 'without') ORDER BY subject`,
    );
    expect(given).toMatchObject({
      created_at: new Date(times.createdAt),
      auth_time: new Date(times.authTime),
      expires_at: new Date('2035-01-31T09:30:00Z'),
      idle_expires_at: new Date(times.idleExpiresAt),
    });
    expect(other).toMatchObject({ lives: { days: 90 }, idles: { days: 14 } });
  });

  test.each([
    [['--nonsense'], /Unknown option '--nonsense'[\s\S]*Usage: /],
    [['--from-line', '0'], /^Usage: /],
    [['there-is-none.ndjson'], /^there-is-none\.ndjson cannot be read \(ENOENT\)$/m],
  ])('called with %j says what is wrong', async (options, said) => {
    const child = spawn(process.execPath, ['dist/import.js', ...options], {
      env: { PATH: process.env['PATH'], ...SETTINGS, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1);
    expect(text).toMatch(said);
  });
});
