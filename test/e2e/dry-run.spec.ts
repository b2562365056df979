import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { TestDatabase } from '../support/database.ts';
import { sendRaw, type RawAnswer, type RawRequest } from '../support/raw-http.ts';
import { SETTINGS, startService, type OpenedSession, type TestService } from '../support/service.ts';
import { useDatabase, useService } from '../support/use-service.ts';
import { contracts, EVERY_CONTRACT, frontends } from '../contracts/every-contract.ts';

interface Answer {
  accessToken?: string;
  refreshToken?: string;
  code?: string;
}

describe('a dry run', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const rotated = async (token: string): Promise<string> =>
    ((await (await service.refresh(token)).json()) as OpenedSession).refreshToken;

  const STORIES: Record<string, { token: () => Promise<string>; status: number; code?: string }> = {
    'that would rotate': { token: async () => (await service.open()).refreshToken, status: 200 },
    'that would coalesce': { token: async () => rotated((await service.open()).refreshToken), status: 200 },
    'that would be a retry': {
      token: async () => {
        const { refreshToken } = await service.open();
        await rotated(refreshToken);
        return refreshToken;
      },
      status: 200,
    },
    'that would recover': {
      token: async () => {
        const { refreshToken } = await service.open();
        await rotated(refreshToken);
        await database.advance(10_001);
        return refreshToken;
      },
      status: 200,
    },
    'that would fast-forward': {
      token: async () => {
        const { refreshToken, session } = await service.open();
        const next = await rotated(refreshToken);
        await database.query('UPDATE sessions SET generation = 0, rotated_at = NULL WHERE id = $1', [
          session.id,
        ]);
        return next;
      },
      status: 200,
    },
    'that would find reuse': {
      token: async () => {
        const { refreshToken } = await service.open();
        const successor = await rotated(refreshToken);
        await database.advance(10_001);
        await rotated(successor);
        return refreshToken;
      },
      status: 401,
      code: 'REUSED',
    },
    'of a revoked session': {
      token: async () => {
        const { refreshToken, session } = await service.open();
        await service.api('DELETE', `/sessions/${session.id}`);
        return refreshToken;
      },
      status: 401,
      code: 'REVOKED',
    },
    'of an idle session': {
      token: async () => {
        const { refreshToken } = await service.open({ lifetimes: { idle: 60 } });
        await database.advance(60_000);
        return refreshToken;
      },
      status: 401,
      code: 'EXPIRED',
    },
    'of a session that is gone': {
      token: async () => {
        const { refreshToken, session } = await service.open();
        await database.query('DELETE FROM sessions WHERE id = $1', [session.id]);
        return refreshToken;
      },
      status: 401,
      code: 'UNKNOWN_SESSION',
    },
    'of a forged token': {
      token: async () => `${(await service.open()).refreshToken.slice(0, -1)}_`,
      status: 401,
      code: 'MALFORMED_TOKEN',
    },
    'without a token': { token: () => Promise.resolve(''), status: 401, code: 'MISSING_TOKEN' },
    'of the sample that succeeds': { token: () => Promise.resolve('abc123.def456'), status: 200 },
    'of the sample that expired': {
      token: () => Promise.resolve('expired.def456'),
      status: 401,
      code: 'EXPIRED',
    },
    'of the sample that was revoked': {
      token: () => Promise.resolve('revoked.def456'),
      status: 401,
      code: 'REVOKED',
    },
    'of the sample that was reused': {
      token: () => Promise.resolve('reused.def456'),
      status: 401,
      code: 'REUSED',
    },
    'of the sample that is malformed': {
      token: () => Promise.resolve('malformed.def456'),
      status: 401,
      code: 'MALFORMED_TOKEN',
    },
  };

  test.each(Object.keys(STORIES))(
    '%s leaves the database byte for byte as it was, and its tokens open nothing',
    async (story) => {
      const { token, status, code } = STORIES[story]!;
      const refreshToken = await token();
      const before = await database.dump();
      const response = await service.refresh(refreshToken, '?dryRun=true');
      const answer = (await response.json()) as Answer;
      expect(await database.dump()).toBe(before);
      expect([response.status, answer.code]).toEqual([status, code]);
      expect(response.headers.get('set-cookie')).toBeNull();
      if (status !== 200) return;
      expect(response.headers.get('dry-run')).toBe('true');
      expect(decodeProtectedHeader(answer.accessToken!).typ).toBe('dry-run+jwt');
      const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`));
      await expect(jwtVerify(answer.accessToken!, keys)).rejects.toMatchObject({
        code: 'ERR_JWKS_NO_MATCHING_KEY',
      });
      const spent = await service.refresh(answer.refreshToken!);
      expect([spent.status, ((await spent.json()) as Answer).code]).toEqual([401, 'MALFORMED_TOKEN']);
    },
  );

  test('tells what then happens for real', async () => {
    const { refreshToken } = await service.open();
    expect((await service.refresh(refreshToken, '?dryRun=true')).status).toBe(200);
    expect((await service.refresh(refreshToken, '?dryRun=false')).status).toBe(200);
  });

  test.each(['', '1', 'TRUE', 'yes', 'true&dryRun=false'])(
    'that is asked for as dryRun=%s is refused as unclear',
    async (value) => {
      const { refreshToken } = await service.open();
      const before = await database.dump();
      const response = await service.refresh(refreshToken, `?dryRun=${value}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: 'BAD_REQUEST',
        details: { dryRun: [expect.any(String)] },
      });
      expect(await database.dump()).toBe(before);
    },
  );

  test('never makes a sample token good for a real refresh', async () => {
    const response = await service.refresh('abc123.def456');
    expect([response.status, ((await response.json()) as Answer).code]).toEqual([401, 'MALFORMED_TOKEN']);
  });

  test('with the cookie sets no cookie', async () => {
    const { setCookie } = await service.open();
    const response = await fetch(`${service.url}/auth/refresh?dryRun=true`, {
      method: 'POST',
      headers: { cookie: setCookie.split(';')[0]! },
    });
    expect(response.status).toBe(200);
    expect(Object.keys((await response.json()) as object)).toEqual(['accessToken']);
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  test('is answered by the issuer that the settings name', async () => {
    const { accessToken } = (await (await service.refresh('abc123.def456', '?dryRun=true')).json()) as {
      accessToken: string;
    };
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    expect(claims).toMatchObject({ iss: SETTINGS['ISSUER'], sub: 'sample' });
    expect(claims['exp']).toBe(claims['iat']);
  });
});

const canRunDry = contracts.map(({ name }) => name).filter((name) => name !== 'oauth');

const known = new WeakMap<TestService, ReturnType<typeof frontends>>();

/** The frontends of a service, made once: each registers clients. */
function frontendsOf(service: TestService): ReturnType<typeof frontends> {
  if (!known.has(service)) known.set(service, frontends(service));
  return known.get(service)!;
}

/** Asks a contract for a dry run of a token, as its frontend presents it. */
async function tryDry(
  service: TestService,
  contract: string,
  token: string,
  dryRun = 'true',
): Promise<RawAnswer> {
  const { [contract]: frontend } = await frontendsOf(service);
  const asked = frontend!.ask(token);
  return sendRaw(service.url, { ...asked, path: `${asked.path}?dryRun=${dryRun}` });
}

/** What looks like a dry run and is none, made of a request that is. */
const LOOKALIKES: Readonly<Record<string, (asked: RawRequest) => RawRequest>> = {
  ...Object.fromEntries(
    ['dryRun=1', 'dryRun=True', 'dryRun=', 'dryrun=true', 'dry_run=true', 'dry-run=1', 'dryRun[]=true'].map(
      (query) => [`?${query}`, (asked: RawRequest) => ({ ...asked, path: `${asked.path}?${query}` })],
    ),
  ),
  'a header': (asked) => ({ ...asked, headers: { ...asked.headers, 'dry-run': 'true' } }),
  'a member of the body': (asked) => withMember(asked, 'dryRun', true),
  'a member that is false': (asked) => withMember(asked, 'dryRun', false),
  'a member that is misspelled': (asked) => withMember(asked, 'dry_run', true),
};

function withMember({ body, headers, ...asked }: RawRequest, name: string, value: boolean): RawRequest {
  if (headers?.['content-type']?.includes('form'))
    return { ...asked, headers, body: `${body}&${name}=${value}` };
  const members = JSON.parse(body ?? '{}') as object;
  return {
    ...asked,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ ...members, [name]: value }),
  };
}

describe('what looks like a dry run', () => {
  const { database, service } = useService({ CONTRACTS: EVERY_CONTRACT });

  test.each(contracts.map(({ name }) => name))('is never a real refresh of %s', async (contract) => {
    const { [contract]: frontend } = await frontends(service);
    const { refreshToken } = await service.open(frontend!.session);
    const before = await database.dump();
    for (const make of Object.values(LOOKALIKES)) {
      const { status, body } = await sendRaw(service.url, make(frontend!.ask(refreshToken)));
      expect(`${status} ${JSON.stringify(body)}`).toMatch(
        contract === 'oauth'
          ? /^400 .*invalid_request.*cannot be run dry/
          : /^4(00|22) .*(as \?dryRun=true|values: true, false)/,
      );
    }
    expect(await database.dump()).toBe(before);
    expect([200, 201]).toContain((await sendRaw(service.url, frontend!.ask(refreshToken))).status);
  });

  test.each(['/auth/logout', '/oauth/revoke', '/oauth/introspect'])(
    'is never the real thing at %s',
    async (path) => {
      const { oauth } = await frontends(service);
      const [asked, member] = path.startsWith('/oauth')
        ? [oauth!.ask(undefined), 'token']
        : [{ headers: { 'content-type': 'application/json' } }, 'refreshToken'];
      const { refreshToken } = await service.open(member === 'token' ? oauth!.session : {});
      const body = member === 'token' ? `token=${refreshToken}` : JSON.stringify({ refreshToken });
      const before = await database.dump();
      for (const make of Object.values(LOOKALIKES)) {
        const { status, body: said } = await sendRaw(service.url, make({ ...asked, path, body }));
        expect(`${status} ${JSON.stringify(said)}`).toMatch(/^400 .*cannot be run dry/);
      }
      expect(await database.dump()).toBe(before);
    },
  );
});

describe('dry runs of sample tokens alone', () => {
  const { database, service } = useService({ CONTRACTS: EVERY_CONTRACT, DRY_RUN: 'samples' });

  test.each(canRunDry)('tell nobody who holds a token of %s whether it is good', async (contract) => {
    const [current, superseded, ended] = [await service.open(), await service.open(), await service.open()];
    await service.refresh(superseded.refreshToken);
    await database.advance(3 * 86_400_000 + 1);
    await service.api('DELETE', `/sessions/${ended.session.id}`);
    const tokens = [current, superseded, ended].map(({ refreshToken }) => refreshToken);
    await frontendsOf(service);
    const before = await database.dump();
    const told = new Set<string>();
    for (const token of [...tokens, `${tokens[0]!.slice(0, -1)}_`, 'x']) {
      const { status, body } = await tryDry(service, contract, token);
      if (contract === 'dynamosql') delete (body['error'] as Record<string, unknown>)['requestId'];
      told.add(`${status} ${JSON.stringify(body)}`);
    }
    expect([...told]).toEqual([
      expect.stringMatching(/^4(00|22) .*dry runs are for the documented sample tokens only/) as string,
    ]);
    expect(await database.dump()).toBe(before);
    expect((await tryDry(service, contract, 'expired.def456')).status).toBe(401);
    expect([200, 201]).toContain((await tryDry(service, contract, 'abc123.def456')).status);
  });
});

describe('where dry runs are switched off', () => {
  const { database, service } = useService({ CONTRACTS: EVERY_CONTRACT, DRY_RUN: 'off' });

  test.each(canRunDry)('%s refuses them, and does not refresh for real', async (contract) => {
    const { refreshToken } = await service.open();
    await frontendsOf(service);
    const before = await database.dump();
    for (const token of [refreshToken, 'abc123.def456']) {
      const { status, body } = await tryDry(service, contract, token);
      expect(`${status} ${JSON.stringify(body)}`).toMatch(/^4(00|22) .*this request cannot be run dry/);
    }
    expect(await database.dump()).toBe(before);
    expect([200, 201]).toContain((await tryDry(service, contract, refreshToken, 'false')).status);
  });

  test('no document offers one', async () => {
    const names = service.app!.documents.map(({ name }) => name);
    expect(names).toEqual([...contracts.map(({ name }) => name), 'sessions', 'devices']);
    const said = service.app!.documents.filter(({ document }) => /dry.?run/i.test(JSON.stringify(document)));
    expect(said.map(({ name }) => name)).toEqual([]);
    expect((await fetch(`${service.url}/docs/plec.playground.json`)).status).toBe(404);
  });
});

describe('dry runs without number', () => {
  const { start } = useDatabase();

  test('use up no refreshes, neither an address’s nor a session’s, and refreshes no dry runs', async () => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '6', RATE_LIMIT_PER_SESSION: '3' });
    const { refreshToken } = await service.open();
    const statuses = async (times: number, query = ''): Promise<number[]> => {
      const answers = [];
      for (let count = 0; count < times; count++)
        answers.push((await service.refresh(refreshToken, query)).status);
      return answers;
    };
    expect(await statuses(4, '?dryRun=true')).toEqual([200, 200, 200, 429]);
    expect(await statuses(4)).toEqual([200, 200, 200, 429]);
    const samples = [];
    for (let count = 0; count < 4; count++) {
      const { status, headers } = await service.refresh('abc123.def456', '?dryRun=true');
      samples.push([status, headers.get('ratelimit-remaining')]);
    }
    expect(samples).toEqual([
      [200, '1'],
      [200, '0'],
      [429, '0'],
      [429, '0'],
    ]);
    const { status, headers } = await service.refresh('x');
    expect([status, headers.get('ratelimit-remaining')]).toEqual([401, '1']);
  });
});
