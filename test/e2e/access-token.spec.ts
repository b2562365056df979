import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { SETTINGS, spawnService, type OpenedSession } from '../support/service.ts';
import { runBuilt } from '../store/run-built.ts';
import { useDatabase, useService } from '../support/use-service.ts';

describe('a resource server', () => {
  const { database, service } = useService();

  const verify = (token: string): ReturnType<typeof jwtVerify> =>
    jwtVerify(token, createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`)), {
      issuer: SETTINGS['ISSUER']!,
      audience: SETTINGS['AUDIENCE']!,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'jti', 'client_id', 'sid', 'iat', 'exp'],
    });

  test('accepts a real access token, and reads in it who signed in, and how', async () => {
    const opened = await service.open({ scope: 'read', amr: ['pwd'], claims: { role: 'admin' } });
    const { accessToken } = (await (await service.refresh(opened.refreshToken)).json()) as OpenedSession;
    const [first, second] = [await verify(opened.accessToken), await verify(accessToken)];
    for (const { payload } of [first, second]) {
      expect(payload).toMatchObject({
        sub: 'ada',
        sid: opened.session.id,
        client_id: 'test',
        scope: 'read',
        amr: ['pwd'],
        role: 'admin',
      });
      expect(payload.exp! - payload.iat!).toBe(900);
    }
    expect(first.payload.jti).not.toBe(second.payload.jti);
  });

  test('refuses it for another audience', async () => {
    const { accessToken } = await service.open({ audience: ['https://other.example'] });
    await expect(verify(accessToken)).rejects.toMatchObject({ claim: 'aud' });
  });

  test('never meets a token that outlives its session', async () => {
    const { accessToken, session, refreshToken } = await service.open({ lifetimes: { max: 100 } });
    const { expiresAt } = session as unknown as { expiresAt: string };
    const deadline = Math.floor(Date.parse(expiresAt) / 1000);
    await database.advance(50_000);
    const refreshed = (await (await service.refresh(refreshToken)).json()) as OpenedSession;
    expect([decodeJwt(accessToken).exp, decodeJwt(refreshed.accessToken).exp]).toEqual([deadline, deadline]);
  });

  test('finds public keys only', async () => {
    const { keys } = (await (await fetch(`${service.url}/.well-known/jwks.json`)).json()) as {
      keys: object[];
    };
    expect(keys).toHaveLength(1);
    for (const key of keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  test('finds nothing in a token that would refresh it', async () => {
    const { accessToken, refreshToken } = await service.open();
    expect((await service.refresh(accessToken)).status).toBe(401);
    const handle = Buffer.from(refreshToken.slice(4, 38), 'base64url').subarray(1, 17);
    const everything =
      Buffer.from(accessToken.split('.')[1]!, 'base64url').toString() + (await database.dump());
    for (const spelling of [handle.toString('base64url'), handle.toString('hex')])
      expect(everything).not.toContain(spelling);
  });
});

describe('a signing key that leaked', () => {
  const bed = useDatabase();
  const { service } = useService({ CONTRACTS: 'plec,akinon' }, { on: bed });
  const { service: other } = useService({ CONTRACTS: 'plec,akinon' }, { on: bed, by: spawnService });
  const run = (...kids: string[]): ReturnType<typeof runBuilt> =>
    runBuilt(['dist/withdraw-key.js', ...kids], { ...SETTINGS, DATABASE_URL: bed.database.url });

  test('is withdrawn by a command: within ten seconds no replica signs with it, shows it or believes it', async () => {
    const [one, two] = [await service.open(), await service.open()];
    const leaked = decodeProtectedHeader(one.accessToken).kid!;
    expect((await run()).stdout).toMatch(new RegExp(`\n${leaked}  .*Z  signs\n$`));
    expect(await run('of-nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There is no key of-nobody; there are\n/) as unknown,
    });
    const done = await run(leaked);
    const since = performance.now();
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const [, signs] = /Key (\S+) signs/.exec(done.stdout)!;
    for (const each of [service, other]) {
      const published = async (): Promise<unknown> => {
        const response = await fetch(`${each.url}/.well-known/jwks.json`);
        return ((await response.json()) as JSONWebKeySet).keys.map(({ kid }) => kid);
      };
      for (let kids = await published(); String(kids) !== signs; kids = await published())
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(performance.now() - since).toBeLessThan(10_000);
    for (const [each, { accessToken, refreshToken }] of [
      [service, one],
      [other, two],
    ] as const) {
      const along = await each.post(
        '/api/v1/auth/refresh-token',
        { refreshToken },
        { authorization: `Bearer ${accessToken}` },
      );
      expect(along.status).toBe(401);
      const refreshed = (await (await each.refresh(refreshToken)).json()) as OpenedSession;
      expect(decodeProtectedHeader(refreshed.accessToken).kid).toBe(signs);
    }
  });
});
