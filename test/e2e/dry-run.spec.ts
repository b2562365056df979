import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { TestDatabase } from '../support/database.ts';
import { SETTINGS, startService, type OpenedSession, type TestService } from '../support/service.ts';

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
    'that would replay': {
      token: async () => {
        const { refreshToken } = await service.open();
        await rotated(refreshToken);
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
        await rotated(refreshToken);
        await database.advance(10_001);
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
