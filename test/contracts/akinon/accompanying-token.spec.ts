import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, SignJWT, type JWTHeaderParameters } from 'jose';
import type { OpenedSession, TestService } from '../../support/service.ts';
import { useDatabase, useService } from '../../support/use-service.ts';
import { expectAsPublished } from './published.ts';

const PATH = '/api/v1/auth/refresh-token';
const MISFIT = { apiError: ['The access token that came along is not of the session of the refresh token'] };
const SECRET = 'an-access-token-secret-of-at-least-32-characters';
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const RSA_PEM = RSA.export({ type: 'pkcs8', format: 'pem' }).toString();

type Headers = Record<string, string>;
const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
const own = (token: string): Headers => ({ 'x-access-token': token });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The claims of a token, under another header and signed by another key. */
function signedAnew(
  token: string,
  header: Readonly<Record<string, unknown>>,
  key: Parameters<SignJWT['sign']>[0],
): Promise<string> {
  return new SignJWT(decodeJwt(token))
    .setProtectedHeader({ ...decodeProtectedHeader(token), ...header } as JWTHeaderParameters)
    .sign(key);
}

describe('an access token that comes with a refresh token', () => {
  const bed = useDatabase();
  const { database } = bed;
  const use = (more: Record<string, string>): TestService =>
    useService({ CONTRACTS: 'akinon,plec', ...more }, { on: bed }).service;
  const services = {
    ring: use({}),
    secret: use({ ACCESS_TOKEN_SECRET: SECRET }),
    key: use({ ACCESS_TOKEN_PRIVATE_KEY: RSA_PEM }),
    other: use({ ACCESS_TOKEN_PRIVATE_KEY: RSA_PEM, ISSUER: 'https://other.example.com' }),
  };

  async function refresh(service: TestService, refreshToken: string, headers: Headers, query = '') {
    const response = await service.post(PATH + query, { refreshToken }, headers);
    const body = (await response.json()) as OpenedSession;
    expectAsPublished(response.status, body);
    return { status: response.status, body };
  }

  /** That it is refused, dry too, and that the refresh token is good for a refresh without it. */
  async function expectRefused(service: TestService, refreshToken: string, headers: Headers) {
    const before = await database.dump();
    for (const query of ['', '?dryRun=true'])
      expect(await refresh(service, refreshToken, headers, query)).toEqual({ status: 401, body: MISFIT });
    expect(await database.dump()).toBe(before);
    expect((await refresh(service, refreshToken, {})).status).toBe(201);
  }

  describe.each(['ring', 'secret', 'key'] as const)('signed by a %s', (kind) => {
    test('may be the one of the same session, by either header or by both', async () => {
      const service = services[kind];
      const { accessToken, refreshToken } = await service.open();
      const both = { ...bearer(accessToken), ...own(accessToken) };
      for (const headers of [bearer(accessToken), own(accessToken), both, {}])
        expect((await refresh(service, refreshToken, headers, '?dryRun=true')).status).toBe(201);
      const { status, body } = await refresh(service, refreshToken, both);
      expect(status).toBe(201);
      await database.advance(10_001);
      expect((await refresh(service, body.refreshToken, bearer(body.accessToken))).status).toBe(201);
    });

    test('may have expired long ago', async () => {
      const service = services[kind];
      await database.advance(-3_600_000);
      const { accessToken, refreshToken } = await service.open();
      await database.advance(3_600_000);
      expect(decodeJwt(accessToken).exp).toBeLessThan(Date.now() / 1000);
      expect((await refresh(service, refreshToken, bearer(accessToken))).status).toBe(201);
    });

    test('must be of this session', async () => {
      const service = services[kind];
      const [mine, another] = [await service.open(), await service.open()];
      await expectRefused(service, mine.refreshToken, bearer(another.accessToken));
    });

    test('must fit in both headers, if it came in both', async () => {
      const service = services[kind];
      const [mine, another] = [await service.open(), await service.open()];
      const headers = [
        { ...bearer(mine.accessToken), ...own(another.accessToken) },
        { ...bearer(another.accessToken), ...own(mine.accessToken) },
      ];
      for (const each of headers)
        expect(await refresh(service, mine.refreshToken, each)).toEqual({ status: 401, body: MISFIT });
      expect((await refresh(service, mine.refreshToken, bearer(mine.accessToken))).status).toBe(201);
    });

    test('must not be one without a signature', async () => {
      const service = services[kind];
      const { accessToken, refreshToken } = await service.open();
      const [, claims, signature] = accessToken.split('.');
      for (const alg of ['none', 'None', 'NONE']) {
        const header = encode({ ...decodeProtectedHeader(accessToken), alg });
        await expectRefused(service, refreshToken, bearer(`${header}.${claims}.`));
        await expectRefused(service, refreshToken, bearer(`${header}.${claims}.${signature}`));
      }
    });

    test('must not be altered', async () => {
      const service = services[kind];
      const [mine, another] = [await service.open(), await service.open()];
      const [header, , signature] = another.accessToken.split('.');
      const claims = encode({ ...decodeJwt(another.accessToken), sid: mine.session.id });
      await expectRefused(service, mine.refreshToken, bearer(`${header}.${claims}.${signature}`));
    });

    test('must not be a token of a dry run', async () => {
      const service = services[kind];
      const { refreshToken } = await service.open();
      const { body } = await refresh(service, refreshToken, {}, '?dryRun=true');
      await expectRefused(service, refreshToken, bearer(body.accessToken));
    });

    test('must not be of another deployment', async () => {
      const { accessToken, refreshToken } = await services[kind].open();
      const foreign = Object.entries(services).filter(([name]) => name !== kind);
      for (const [, service] of foreign) await expectRefused(service, refreshToken, bearer(accessToken));
    });

    test.each<[what: string, headers: (opened: OpenedSession) => Headers]>([
      ['nothing at all', () => bearer('')],
      ['nothing at all in its own header', () => own('')],
      ['a refresh token', ({ refreshToken }) => bearer(refreshToken)],
      ['another scheme', () => ({ authorization: 'Basic YWRhOmFkYQ==' })],
      ['a good token of another scheme', ({ accessToken }) => ({ authorization: `DPoP ${accessToken}` })],
      ['a good token of no scheme', ({ accessToken }) => ({ authorization: accessToken })],
      ['a scheme in its own header', ({ accessToken }) => own(`Bearer ${accessToken}`)],
      ['a good token twice', ({ accessToken }) => own(`${accessToken}, ${accessToken}`)],
      ['a word', () => own('null')],
      ['dots', () => own('..')],
    ])('must not be %s', async (_what, headers) => {
      const opened = await services[kind].open();
      await expectRefused(services[kind], opened.refreshToken, headers(opened));
    });

    test('may come under the scheme in any case', async () => {
      const { accessToken, refreshToken } = await services[kind].open();
      const headers = { authorization: `bEARER ${accessToken}` };
      expect((await refresh(services[kind], refreshToken, headers)).status).toBe(201);
    });
  });

  test('must not be signed with the published key as if it were a secret', async () => {
    const service = services.ring;
    const { accessToken, refreshToken } = await service.open();
    const { keys } = (await (await fetch(`${service.url}/.well-known/jwks.json`)).json()) as {
      keys: [JsonWebKey];
    };
    const key = createPublicKey({ key: keys[0], format: 'jwk' });
    const pem = key.export({ type: 'spki', format: 'pem' });
    const header = encode({ ...decodeProtectedHeader(accessToken), alg: 'HS256' });
    const input = `${header}.${accessToken.split('.')[1]}`;
    for (const secret of [pem.toString(), pem.toString().trim(), JSON.stringify(keys[0])]) {
      const signature = createHmac('sha256', secret).update(input).digest('base64url');
      await expectRefused(service, refreshToken, bearer(`${input}.${signature}`));
    }
  });

  test('must not bring its own key, nor name one of this service for it', async () => {
    const { accessToken, refreshToken } = await services.ring.open();
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    for (const header of [{}, { jwk }, { kid: 'mine' }, { kid: undefined, jwk }]) {
      const forged = await signedAnew(accessToken, header, privateKey);
      await expectRefused(services.ring, refreshToken, bearer(forged));
    }
  });

  test('must be of the one algorithm that its key is for', async () => {
    const shared = await services.secret.open();
    const longer = await signedAnew(shared.accessToken, { alg: 'HS512' }, Buffer.from(SECRET));
    await expectRefused(services.secret, shared.refreshToken, bearer(longer));
    const signed = await services.key.open();
    const padded = await signedAnew(signed.accessToken, { alg: 'PS256' }, RSA);
    await expectRefused(services.key, signed.refreshToken, bearer(padded));
  });

  test('must be an access token, and of this issuer, even if the key is right', async () => {
    const { accessToken, refreshToken } = await services.key.open();
    const faithful = await signedAnew(accessToken, {}, RSA);
    expect((await refresh(services.key, refreshToken, bearer(faithful), '?dryRun=true')).status).toBe(201);
    for (const typ of ['JWT', 'dry-run+jwt', undefined]) {
      const other = await signedAnew(accessToken, { typ }, RSA);
      await expectRefused(services.key, refreshToken, bearer(other));
    }
    const claims = { ...decodeJwt(accessToken), iss: 'https://evil.example' };
    const header = decodeProtectedHeader(accessToken) as JWTHeaderParameters;
    const foreign = await new SignJWT(claims).setProtectedHeader(header).sign(RSA);
    await expectRefused(services.key, refreshToken, bearer(foreign));
  });

  test('does not save a session whose refresh token is refused', async () => {
    const { accessToken, refreshToken, session } = await services.ring.open();
    await services.ring.api('DELETE', `/sessions/${session.id}`);
    const answer = await refresh(services.ring, refreshToken, bearer(accessToken));
    expect(answer).toEqual({ status: 401, body: { apiError: ['The session was ended'] } });
  });

  test('is not in the way of being told that the body is wrong', async () => {
    const response = await services.ring.post(PATH, {}, bearer('nonsense'));
    expect([response.status, await response.json()]).toEqual([
      400,
      { validationError: { refreshToken: ['refreshToken must be a string'] } },
    ]);
  });
});

describe('an access token from before the signing key was changed', () => {
  const MINUTE = 60_000;
  const { database, start } = useDatabase();

  /** Another replica: it looks at the key ring as it starts. */
  const replica = (): Promise<TestService> => start({ CONTRACTS: 'akinon', SIGNING_KEY_PERIOD: '1h' });

  test('fits as long as its key is published, and is in nobody’s way when it is not', async () => {
    const { accessToken, refreshToken } = await (await replica()).open();
    await database.advance(46 * MINUTE);
    const changed = await replica();
    await database.advance(20 * MINUTE);
    const refreshed = await changed.post(PATH, { refreshToken }, bearer(accessToken));
    expect(refreshed.status).toBe(201);
    const next = (await refreshed.json()) as OpenedSession;
    expect(decodeProtectedHeader(next.accessToken).kid).not.toBe(decodeProtectedHeader(accessToken).kid);

    await database.advance(25 * 60 * MINUTE);
    const later = await replica();
    const before = await database.dump();
    const refused = await later.post(PATH, { refreshToken: next.refreshToken }, bearer(accessToken));
    expect([refused.status, await refused.json()]).toEqual([401, MISFIT]);
    expect(await database.dump()).toBe(before);
    expect((await later.post(PATH, { refreshToken: next.refreshToken })).status).toBe(201);
  });
});
