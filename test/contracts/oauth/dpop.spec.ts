import { randomUUID } from 'node:crypto';
import {
  calculateJwkThumbprint,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type JWTPayload,
} from 'jose';
import { otherSpellings } from '../../keys/other-spellings.ts';
import { startService, type TestService } from '../../support/service.ts';
import { register, type Registered } from './registered.ts';
import { BAD_TOKEN, UNSPENT, useIssuer, type Answer } from './use-issuer.ts';

describe('the OAuth contract binds tokens of public clients to a key, so that', () => {
  const { database, service, replica, post, generationOf } = useIssuer();

  async function bound(wanted: object = { dpopRequired: true }): Promise<{
    client: Registered;
    token: string;
    id: string;
    prove: (claims?: JWTPayload, header?: object) => Promise<string>;
    proveOther: (claims?: JWTPayload) => Promise<string>;
  }> {
    const client = await register(service, { authMethod: 'none', ...wanted });
    const [mine, others] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
    const jwk = await exportJWK(mine.publicKey);
    const { refreshToken, session } = await service.open({
      clientId: client.id,
      ...('dpopRequired' in wanted && { dpopJkt: await calculateJwkThumbprint(jwk) }),
    });
    const proof = async (
      { privateKey, publicKey }: typeof mine,
      claims: JWTPayload,
      header: object,
    ): Promise<string> =>
      new SignJWT({
        htm: 'POST',
        htu: `${service.url}/oauth/token`,
        jti: randomUUID(),
        nonce: await nonce(),
        iat: Math.floor(Date.now() / 1000),
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey), ...header })
        .sign(privateKey);
    return {
      client,
      token: refreshToken,
      id: session.id,
      prove: (claims = {}, header = {}) => proof(mine, claims, header),
      proveOther: (claims = {}) => proof(others, claims, {}),
    };
  }

  let known: string | undefined;
  async function nonce(): Promise<string> {
    if (known) return known;
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const proof = await new SignJWT({ htm: 'POST', htu: `${service.url}/oauth/token`, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey);
    const { id } = await register(service, { authMethod: 'none' });
    const answer = await post(
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token: 'a', client_id: id },
      { dpop: proof },
    );
    expect([answer.status, answer.body.error]).toEqual([400, 'use_dpop_nonce']);
    return (known = answer.headers.get('dpop-nonce')!);
  }

  const send = (
    { client, token }: { client: Registered; token: string },
    dpop?: string,
    at = service,
  ): Promise<Answer> =>
    post(
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token: token, client_id: client.id },
      dpop === undefined ? {} : { dpop },
      at,
    );

  test('a proof of the same key refreshes', async () => {
    const session = await bound();
    const answer = await send(session, await session.prove());
    expect([answer.status, answer.body['token_type']]).toEqual([200, 'DPoP']);
  });

  test('a proof of another key is refused, and the token is unspent', async () => {
    const session = await bound();
    expect((await send(session, await session.proveOther())).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
  });

  test('no proof is refused, and the token is unspent', async () => {
    const session = await bound();
    expect((await send(session)).body.error).toBe('invalid_dpop_proof');
    expect(await generationOf(session.id)).toEqual(UNSPENT);
  });

  test('a proof is good once, for both replicas', async () => {
    const session = await bound();
    const proof = await session.prove();
    expect((await send(session, proof)).status).toBe(200);
    for (const at of [service, replica()])
      expect((await send(session, proof, at)).body.error).toBe('invalid_dpop_proof');
    // A new proof for the same token is a retry like any other.
    expect((await send(session, await session.prove(), replica())).status).toBe(200);
  });

  test('with a proof its owner is never a thief, however old his token is, and nobody else ends his session', async () => {
    const session = await bound();
    const next = async (token: string): Promise<string> => {
      await database.advance(10_001);
      return (await send({ ...session, token }, await session.prove())).body.refresh_token!;
    };
    const newest = await next(await next(await next(session.token)));
    await database.advance(7 * 86_400_000);
    // Whoever has the old token alone can do no harm.
    expect((await send(session)).body.error).toBe('invalid_dpop_proof');
    expect((await send(session, await session.proveOther())).body).toEqual(BAD_TOKEN);
    expect(await generationOf(session.id)).toEqual({ generation: 3, revoked_at: null });
    expect(await next(session.token)).toBe(newest);
    expect(await generationOf(session.id)).toEqual({ generation: 3, revoked_at: null });
  });

  test.each<
    [how: string, wanted: object, before: (session: { client: Registered; token: string }) => unknown]
  >([
    ['that it is first refreshed with', {}, () => undefined],
    ['that comes while another answer is still fresh', {}, (session) => send(session)],
    [
      'that it is first refreshed with, though its tokens stay, as a release before let it',
      {},
      ({ client }) => database.query(`UPDATE clients SET refresh_mode = 'touch' WHERE id = $1`, [client.id]),
    ],
  ])('a session that was opened without a key is bound to the one %s', async (_how, wanted, before) => {
    const session = await bound(wanted);
    await before(session);
    const first = await send(session, await session.prove());
    expect([first.status, first.body['token_type']]).toEqual([200, 'DPoP']);
    const keyOf = async (): Promise<unknown> =>
      (await database.query('SELECT dpop_jkt FROM sessions WHERE id = $1', [session.id]))[0]!['dpop_jkt'];
    const jkt = await keyOf();
    expect(jkt).toEqual(expect.any(String));
    for (const proof of [undefined, await session.proveOther()])
      expect((await send(session, proof)).body).toEqual(BAD_TOKEN);
    const again = await send(
      { ...session, token: first.body.refresh_token ?? session.token },
      await session.prove(),
    );
    expect([again.status, await keyOf()]).toEqual([200, jkt]);
  });

  test('of two keys that come at once one is the session’s, and the other ends nothing', async () => {
    for (let round = 0; round < 10; round++) {
      const session = await bound({});
      const [mine, other] = [await session.prove(), await session.proveOther()];
      const answers = await Promise.all([send(session, mine), send(session, other, replica())]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
      expect(answers.find(({ status }) => status === 400)!.body).toEqual(BAD_TOKEN);
      expect(await generationOf(session.id)).toEqual({ generation: 1, revoked_at: null });
    }
  });

  test('a confidential client may use another key each time', async () => {
    const { id, secret } = await register(service, { authMethod: 'client_secret_post' });
    const { refreshToken } = await service.open({ clientId: id });
    const session = await bound();
    for (const dpop of [await session.prove(), await session.proveOther()]) {
      const form = {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: id,
        client_secret: secret!,
      };
      expect((await post('/oauth/token', form, { dpop })).body['token_type']).toBe('DPoP');
    }
  });

  const FLAWED: Record<string, [claims: JWTPayload, header?: object]> = {
    'for another method': [{ htm: 'GET' }],
    'for another URL': [{ htu: 'https://elsewhere.example/oauth/token' }],
    'of an hour ago': [{ iat: Math.floor(Date.now() / 1000) - 3_600 }],
    'from tomorrow': [{ iat: Math.floor(Date.now() / 1000) + 86_400 }],
    'from five minutes ahead': [{ iat: Math.floor(Date.now() / 1000) + 300 }],
    'of before the epoch': [{ iat: -1 }],
    'with a crit that is known to libraries': [{}, { crit: ['b64'], b64: true }],
    'with a b64 that nobody heeds': [{}, { b64: false }],
    'without a jti': [{ jti: undefined } as unknown as JWTPayload],
    'with a jti of 100 KB': [{ jti: 'x'.repeat(9_000) }],
    'of another type': [{}, { typ: 'JWT' }],
    'without its key': [{}, { jwk: undefined }],
  };
  test.each(Object.keys(FLAWED))('a proof %s is refused, and the token is unspent', async (what) => {
    const session = await bound();
    const answer = await send(session, await session.prove(...FLAWED[what]!));
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_dpop_proof']);
    expect(await generationOf(session.id)).toEqual(UNSPENT);
  });

  test.each(['nonsense', 'a.b.c', 'eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ.e30.', 'a, b'])(
    'the proof %s is refused',
    async (proof) => {
      const session = await bound();
      expect((await send(session, proof)).body.error).toBe('invalid_dpop_proof');
    },
  );

  describe('under an issuer that is written HTTPS://Auth.Example.com:443/', () => {
    let odd: TestService;

    beforeAll(async () => {
      odd = await startService({
        DATABASE_URL: database.url,
        CONTRACTS: 'oauth@/~v2',
        ISSUER: 'HTTPS://Auth.Example.com:443/',
      });
    });

    afterAll(() => odd.stop());

    const sendTo = async (htu: string): Promise<Answer> => {
      const session = await bound();
      const dpop = await session.prove({ htu });
      const form = {
        grant_type: 'refresh_token',
        refresh_token: session.token,
        client_id: session.client.id,
      };
      return post('/~v2/oauth/token', form, { dpop }, odd);
    };

    test.each([
      'https://auth.example.com/~v2/oauth/token',
      'https://auth.example.com:443/~v2/oauth/token',
      'HTTPS://AUTH.EXAMPLE.COM/~v2/oauth/token',
      'https://auth.example.com/%7Ev2/%6fauth/token',
      'https://auth.example.com/x/../~v2/./oauth/token',
      'https://auth.example.com/~v2/oauth/token?a=b#c',
    ])('a proof for %s is one for the endpoint', async (htu) => {
      const { status, body } = await sendTo(htu);
      expect([status, decodeJwt(body.access_token!).iss]).toEqual([200, 'HTTPS://Auth.Example.com:443/']);
    });

    test.each([
      'http://auth.example.com/~v2/oauth/token',
      'https://auth.example.com:80/~v2/oauth/token',
      'https://auth.example.com/~V2/oauth/token',
      'https://auth.example.com/~v2/oauth/token/',
      'https://auth.example.com/~v2/oauth%2Ftoken',
      'https://me@auth.example.com/~v2/oauth/token',
      'https://auth.example.com\\~v2\\oauth\\token',
      'https:/auth.example.com/~v2/oauth/token',
      ' https://auth.example.com/~v2/oauth/token',
      'https://auth.example.com/~v2/oauth/to\nken',
    ])('a proof for %j is not', async (htu) => {
      expect((await sendTo(htu)).body.error).toBe('invalid_dpop_proof');
    });

    test('the metadata names it as it is written, and its endpoints normalised', async () => {
      const answer = await fetch(`${odd.url}/.well-known/oauth-authorization-server`);
      expect(await answer.json()).toMatchObject({
        issuer: 'HTTPS://Auth.Example.com:443/',
        token_endpoint: 'https://auth.example.com/~v2/oauth/token',
        jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
      });
    });
  });

  test('a proof from up to a minute ahead is good, as clocks differ', async () => {
    const session = await bound();
    const iat = Math.floor(Date.now() / 1000) + 55;
    expect((await send(session, await session.prove({ iat }))).status).toBe(200);
  });

  test('a proof has one spelling', async () => {
    const session = await bound();
    const proof = await session.prove();
    for (const spelling of otherSpellings(proof))
      expect([spelling, (await send(session, spelling)).body.error]).toEqual([
        spelling,
        'invalid_dpop_proof',
      ]);
    expect((await send(session, proof)).status).toBe(200);
  });

  test('a nonce of somebody else’s is asked for anew', async () => {
    const session = await bound();
    const answer = await send(session, await session.prove({ nonce: 'x'.repeat(43) }));
    expect(answer.body.error).toBe('use_dpop_nonce');
    expect(answer.headers.get('dpop-nonce')).toBe(await nonce());
  });
});
