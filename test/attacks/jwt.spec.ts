import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { register, type Registered } from '../contracts/oauth/registered.ts';
import type { OpenedSession } from '../support/service.ts';
import { otherSpellings } from '../keys/other-spellings.ts';
import { useDatabase, useService } from '../support/use-service.ts';
import {
  asBackend,
  bodyOf,
  connections,
  dumpAll,
  form,
  json,
  report,
  send,
  Tally,
  type Answer,
} from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';

type Json = Record<string, unknown>;

const ISSUER = 'https://auth.example.com';
const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (header: unknown, claims: unknown, key: KeyObject, hash = 'sha256'): string => {
  const text = `${b64(header)}.${b64(claims)}`;
  return `${text}.${sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
};
const maced = (header: Json, claims: unknown, secret: string | Buffer): string => {
  const text = `${b64(header)}.${b64(claims)}`;
  const hash = `sha${String(header['alg']).slice(2)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
};
const inPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string;

describe('a forger of tokens', () => {
  const operatorKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const forgersKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forgersRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  afterAll(() => connections.destroy());
  const bed = useDatabase();
  const { database } = bed;
  const { service } = useService({ CONTRACTS: EVERY_CONTRACT }, { on: bed });
  /** One whose private key the test knows, as its operator does. */
  const { service: known } = useService(
    {
      CONTRACTS: EVERY_CONTRACT,
      ACCESS_TOKEN_PRIVATE_KEY: operatorKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    },
    { on: bed },
  );
  /** Another deployment that calls itself the same. */
  const { service: foreign } = useService({
    CONTRACTS: EVERY_CONTRACT,
    REFRESH_TOKEN_KEYS: '1:another-refresh-token-key-of-32-characters-or-more',
  });
  let client: Registered;

  beforeAll(async () => {
    client = await register(service, { audiences: ['https://api.example.com'] });
  });

  const basic = (): string => `Basic ${Buffer.from(`${client.id}:${client.secret!}`).toString('base64')}`;
  const introspect = (token: string, at = service): Promise<Answer> =>
    send(at.url, form('/oauth/introspect', { token }, { authorization: basic() }));
  const accompanied = (
    refreshToken: string,
    headers: Record<string, string>,
    at = service,
  ): Promise<Answer> => send(at.url, json('/api/v1/auth/refresh-token', { refreshToken }, headers));

  /** Presents forgeries wherever an access token or a refresh token is read; none may get further than garbage does. */
  async function present(
    forgeries: Record<string, string>,
    opened: OpenedSession,
    at = service,
  ): Promise<number> {
    const before = await dumpAll(database);
    let times = 0;
    for (const [what, token] of Object.entries(forgeries)) {
      const headerable = /^[\x20-\x7e]*$/.test(token) && token !== '';
      const answers: [string, Promise<Answer>, number][] = [
        ['introspection', introspect(token, at), 200],
        ['plec', send(at.url, json('/auth/refresh', { refreshToken: token })), 401],
        ['nest-auth', send(at.url, json('/auth/refresh-token', { refreshToken: token })), 401],
        ['dynamosql', send(at.url, json('/v1/auth/refresh', { refreshToken: token })), 401],
        ['akinon', accompanied(token, {}, at), 401],
        [
          'oauth',
          send(
            at.url,
            form(
              '/oauth/token',
              { grant_type: 'refresh_token', refresh_token: token },
              { authorization: basic() },
            ),
          ),
          400,
        ],
        ['revocation', send(at.url, form('/oauth/revoke', { token }, { authorization: basic() })), 200],
      ];
      if (headerable) {
        answers.push(
          ['bearer', accompanied(opened.refreshToken, { authorization: `Bearer ${token}` }, at), 401],
          ['x-access-token', accompanied(opened.refreshToken, { 'x-access-token': token }, at), 401],
          [
            'cookie',
            send(at.url, { path: '/watchr/auth/refresh', headers: { cookie: `refresh_token=${token}` } }),
            401,
          ],
        );
      }
      for (const [where, pending, status] of answers) {
        const answer = await pending;
        times++;
        expect([what, where, answer.status, answer.text]).toEqual([what, where, status, answer.text]);
        if (where === 'introspection') expect([what, bodyOf(answer)]).toEqual([what, { active: false }]);
      }
    }
    expect(await dumpAll(database)).toBe(before);
    return times;
  }

  test('is believed nowhere, whatever the header says', async () => {
    const opened = await service.open();
    const claims = decodeJwt(opened.accessToken);
    const [head, body, signature] = opened.accessToken.split('.') as [string, string, string];
    const genuine = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
    const { kid } = genuine;
    const { keys } = (await (await fetch(`${service.url}/.well-known/jwks.json`)).json()) as {
      keys: JsonWebKey[];
    };
    const published = keys[0]!;
    const publicKey = createPublicKey({ key: published, format: 'jwk' });
    const forgersJwk = forgersKey.publicKey.export({ format: 'jwk' });
    const typ = 'at+jwt';
    const at = Math.floor(Date.now() / 1000);
    const wanted = { ...claims, sub: 'admin', exp: at + 3600 };
    const forgeries: Record<string, string> = {};
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      forgeries[`alg ${alg}`] = `${b64({ alg, typ, kid })}.${body}.`;
      forgeries[`alg ${alg}, the old signature`] = `${b64({ alg, typ, kid })}.${b64(wanted)}.${signature}`;
    }
    const secrets: Record<string, string | Buffer> = {
      'public PEM': inPem(publicKey),
      'public PEM, trimmed': inPem(publicKey).trim(),
      'public DER': publicKey.export({ type: 'spki', format: 'der' }),
      'public JWK': JSON.stringify(published),
      'public x': Buffer.from(String(published.x), 'base64url'),
      'public x, as text': String(published.x),
      kid,
      nothing: '',
    };
    for (const alg of ['HS256', 'HS384', 'HS512'])
      for (const [name, secret] of Object.entries(secrets))
        forgeries[`${alg} with ${name}`] = maced({ alg, typ, kid }, wanted, secret);
    const kids: unknown[] = [
      '../../../../../../dev/null',
      '/dev/null',
      'file:///etc/passwd',
      "' OR 1=1 --",
      "x' UNION SELECT 'AA==' --",
      "'; DROP TABLE sessions; --",
      '__proto__',
      'constructor',
      'toString',
      '',
      '0',
      0,
      1,
      true,
      null,
      {},
      { kid },
      [],
      [kid],
      ['__proto__'],
      `${kid}\0`,
      kid.toUpperCase(),
      'x'.repeat(1_500),
      '$(id)',
      'http://evil.example/jwks',
    ];
    for (const odd of kids) {
      forgeries[`kid ${JSON.stringify(odd).slice(0, 40)}, no secret`] = maced(
        { alg: 'HS256', typ, kid: odd },
        wanted,
        '',
      );
      forgeries[`kid ${JSON.stringify(odd).slice(0, 40)}, own key`] = signed(
        { alg: 'ES256', typ, kid: odd },
        wanted,
        forgersKey.privateKey,
      );
    }
    const header = { alg: 'ES256', typ, kid };
    const own = forgersKey.privateKey;
    Object.assign(forgeries, {
      'no kid': signed({ alg: 'ES256', typ }, wanted, own),
      'kid by __proto__': signed(`{"alg":"ES256","typ":"at+jwt","__proto__":{"kid":"${kid}"}}`, wanted, own),
      'kid twice': signed(`{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"${kid}"}`, wanted, own),
      'the right kid, own key': signed(header, wanted, own),
      'own key in jwk': signed({ ...header, jwk: forgersJwk }, wanted, own),
      'own key in jwk, no kid': signed({ alg: 'ES256', typ, jwk: forgersJwk }, wanted, own),
      jku: signed({ ...header, jku: 'http://127.0.0.1:9/jwks.json' }, wanted, own),
      x5u: signed({ ...header, x5u: 'http://127.0.0.1:9/x.pem' }, wanted, own),
      x5c: signed(
        { ...header, x5c: [forgersKey.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
        wanted,
        own,
      ),
      crit: signed({ ...header, crit: ['kid'] }, wanted, own),
      b64: signed({ ...header, b64: false, crit: ['b64'] }, wanted, own),
      RS256: signed({ ...header, alg: 'RS256' }, wanted, forgersRsa.privateKey),
      'ES384 of ES256': signed({ ...header, alg: 'ES384' }, wanted, own, 'sha384'),
      'r = s = 0': `${head}.${b64(wanted)}.${Buffer.alloc(64).toString('base64url')}`,
      'r = s = n': `${head}.${b64(wanted)}.${Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2), 'hex').toString('base64url')}`,
      'no signature': `${head}.${body}.`,
      'half a signature': `${head}.${body}.${signature.slice(0, 43)}`,
      'another body under the signature': `${head}.${b64(wanted)}.${signature}`,
      'two parts': `${head}.${body}`,
      'four parts': `${opened.accessToken}.${signature}`,
      'five parts, as a JWE': `${head}.${body}.${signature}.${body}.${signature}`,
      'a JSON serialization': JSON.stringify({ protected: head, payload: body, signature }),
      'in quotes': `"${opened.accessToken}"`,
      'a body that is no object': signed(header, '"x"', own),
      'a header that is no object': `${b64('[]')}.${body}.${signature}`,
      'a header that is null': `${b64('null')}.${body}.${signature}`,
      nothing: '..',
    });
    const times = await present(forgeries, opened);
    report(`${Object.keys(forgeries).length} forged access tokens`, times, 'none believed, nothing changed');
  });

  test('gains nothing by sending one kind of token for the other', async () => {
    const opened = await service.open();
    const ofClient = await service.open({ clientId: client.id });
    const before = await dumpAll(database);
    const tries: [string, Answer, number][] = [
      [
        'access for refresh, plec',
        await send(service.url, json('/auth/refresh', { refreshToken: opened.accessToken })),
        401,
      ],
      [
        'access for refresh, cookie',
        await send(service.url, {
          path: '/auth/refresh',
          headers: { cookie: `refresh_token=${opened.accessToken}` },
        }),
        401,
      ],
      [
        'access for refresh, watchr',
        await send(service.url, {
          path: '/watchr/auth/refresh',
          headers: { cookie: `refresh_token=${opened.accessToken}` },
        }),
        401,
      ],
      [
        'access for refresh, nest-auth',
        await send(service.url, json('/auth/refresh-token', { refreshToken: opened.accessToken })),
        401,
      ],
      [
        'access for refresh, dynamosql',
        await send(service.url, json('/v1/auth/refresh', { refreshToken: opened.accessToken })),
        401,
      ],
      ['access for refresh, akinon', await accompanied(opened.accessToken, {}), 401],
      [
        'access for refresh, oauth',
        await send(
          service.url,
          form(
            '/oauth/token',
            { grant_type: 'refresh_token', refresh_token: ofClient.accessToken },
            { authorization: basic() },
          ),
        ),
        400,
      ],
      [
        'access for refresh, logout',
        await send(service.url, json('/auth/logout', { refreshToken: opened.accessToken })),
        204,
      ],
      [
        'access to be revoked',
        await send(
          service.url,
          form('/oauth/revoke', { token: ofClient.accessToken }, { authorization: basic() }),
        ),
        400,
      ],
      [
        'refresh for access, bearer',
        await accompanied(opened.refreshToken, { authorization: `Bearer ${opened.refreshToken}` }),
        401,
      ],
      [
        'refresh for access, header',
        await accompanied(opened.refreshToken, { 'x-access-token': opened.refreshToken }),
        401,
      ],
      [
        'refresh for service key',
        await send(service.url, {
          method: 'GET',
          path: '/sessions?subject=ada',
          headers: { authorization: `Bearer ${opened.refreshToken}` },
        }),
        401,
      ],
      [
        'access for service key',
        await send(service.url, {
          method: 'GET',
          path: '/sessions?subject=ada',
          headers: { authorization: `Bearer ${opened.accessToken}` },
        }),
        401,
      ],
      [
        'another session’s access',
        await accompanied(opened.refreshToken, { 'x-access-token': ofClient.accessToken }),
        401,
      ],
      [
        'one right, one wrong',
        await accompanied(opened.refreshToken, {
          authorization: `Bearer ${opened.accessToken}`,
          'x-access-token': ofClient.accessToken,
        }),
        401,
      ],
      [
        'another client’s refresh',
        await send(
          service.url,
          form(
            '/oauth/token',
            { grant_type: 'refresh_token', refresh_token: opened.refreshToken },
            { authorization: basic() },
          ),
        ),
        400,
      ],
      [
        'a client’s refresh, plec',
        await send(service.url, json('/auth/refresh', { refreshToken: ofClient.refreshToken })),
        401,
      ],
    ];
    for (const [what, { status }, wanted] of tries) expect([what, status]).toEqual([what, wanted]);
    expect(await dumpAll(database)).toBe(before);
    expect(bodyOf(await introspect(opened.refreshToken))).toEqual({ active: false });
    expect((await accompanied(opened.refreshToken, { 'x-access-token': opened.accessToken })).status).toBe(
      201,
    );
    report('one kind of token for the other', tries.length + 1, 'none let in, nothing changed');
  });

  test('brings the tokens of another deployment of the same name in vain', async () => {
    const opened = await service.open();
    const abroad = await foreign.open();
    const forgeries = { 'its access token': abroad.accessToken, 'its refresh token': abroad.refreshToken };
    const times = await present(forgeries, opened);
    report('tokens of another deployment with the same issuer', times, 'none let in, nothing changed');
  });

  test('who even holds the signing key is held to what an access token is', async () => {
    const opened = await known.open();
    const claims = decodeJwt(opened.accessToken) as Json;
    const { kid } = JSON.parse(Buffer.from(opened.accessToken.split('.')[0]!, 'base64url').toString()) as {
      kid: string;
    };
    const header = { alg: 'ES256', typ: 'at+jwt', kid };
    const but = (changes: Json): string => signed(header, { ...claims, ...changes }, operatorKey);
    const sids: unknown[] = [
      undefined,
      null,
      '',
      'x',
      "' OR 1=1 --",
      1,
      {},
      [claims['sid']],
      `${String(claims['sid'])}\0`,
      '__proto__',
    ];
    const forgeries: Record<string, string> = Object.fromEntries(
      sids.map((sid) => [`sid ${JSON.stringify(sid)}`, but({ sid })]),
    );
    for (const typ of ['JWT', 'dpop+jwt', 'application/at+jwt', 'AT+JWT', undefined, null, ['at+jwt']])
      forgeries[`typ ${JSON.stringify(typ)}`] = signed({ ...header, typ }, claims, operatorKey);
    Object.assign(forgeries, {
      'another issuer': but({ iss: 'https://evil.example' }),
      'issuers in a list': but({ iss: [ISSUER] }),
      'no issuer': but({ iss: undefined }),
      'a crit': signed({ ...header, crit: ['kid'] }, claims, operatorKey),
      'a b64': signed({ ...header, b64: false }, claims, operatorKey),
      'an expiry beyond all time': signed(
        header,
        JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400'),
        operatorKey,
      ),
      'a body that is a list': signed(header, '[]', operatorKey),
      'a body that is a text': signed(header, '"x"', operatorKey),
      'a body that is null': signed(header, 'null', operatorKey),
    });
    for (const spelling of otherSpellings(opened.accessToken))
      forgeries[`another spelling, ${spelling.slice(-6)}`] = spelling;
    const times = await present(forgeries, opened, known);
    const expiries: Json[] = [
      { sid: '00000000-0000-0000-0000-000000000000' },
      { exp: undefined },
      { exp: null },
      { exp: '9999999999' },
      { exp: {} },
      { exp: 1 },
      { exp: -1 },
    ];
    for (const changes of expiries) {
      const answer = await introspect(but(changes), known);
      expect([changes, answer.status, bodyOf(answer)]).toEqual([changes, 200, { active: false }]);
    }
    report('access tokens of the right key and the wrong form', times + expiries.length, 'none believed');
  });

  test('proves nothing with a forged DPoP proof or assertion', async () => {
    const holder = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(holder.publicKey);
    const dpopJkt = await calculateJwkThumbprint(jwk);
    const app = await register(service, { authMethod: 'none', dpopRequired: true });
    const { refreshToken } = await service.open({ clientId: app.id, dpopJkt });
    const token = (headers: Record<string, string | string[]>): Promise<Answer> =>
      send(
        service.url,
        form(
          '/oauth/token',
          { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: app.id },
          headers,
        ),
      );
    const htu = `${ISSUER}/oauth/token`;
    const prove = (
      nonce: string,
      key = holder.privateKey,
      as: JWK = jwk,
      claims: Json = {},
      typ = 'dpop+jwt',
    ): Promise<string> =>
      new SignJWT({ htm: 'POST', htu, nonce, ...claims })
        .setProtectedHeader({ alg: 'ES256', typ, jwk: as })
        .setIssuedAt()
        .setJti((claims['jti'] as string | undefined) ?? randomUUID())
        .sign(key);
    const first = await token({ dpop: await prove('none') });
    expect(bodyOf(first)).toMatchObject({ error: 'use_dpop_nonce' });
    const nonce = String(first.headers['dpop-nonce']);
    const now = Math.floor(Date.now() / 1000);
    const claims = { htm: 'POST', htu, nonce, iat: now, jti: randomUUID() };
    const typ = 'dpop+jwt';
    const signer = createPrivateKey({
      key: (await exportJWK(holder.privateKey)) as JsonWebKey,
      format: 'jwk',
    });
    const publicKey = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const other = await generateKeyPair('ES256', { extractable: true });
    const otherJwk = await exportJWK(other.publicKey);
    const proofs: Record<string, string | string[]> = {
      'alg none': `${b64({ alg: 'none', typ, jwk })}.${b64(claims)}.`,
      'HS256 with the public key': maced({ alg: 'HS256', typ, jwk }, claims, inPem(publicKey)),
      'HS256 with an oct key': maced(
        { alg: 'HS256', typ, jwk: { kty: 'oct', k: 'AAAA' } },
        claims,
        Buffer.alloc(3),
      ),
      'the holder’s key, signed by another': await prove(nonce, other.privateKey),
      'a private key along': await prove(nonce, holder.privateKey, await exportJWK(holder.privateKey)),
      'kid only': signed({ alg: 'ES256', typ, kid: dpopJkt }, claims, signer),
      'typ JWT': await prove(nonce, holder.privateKey, jwk, {}, 'JWT'),
      'another method': await prove(nonce, holder.privateKey, jwk, { htm: 'GET' }),
      'another place': await prove(nonce, holder.privateKey, jwk, { htu: `${ISSUER}/oauth/revoke` }),
      'a look-alike place': await prove(nonce, holder.privateKey, jwk, {
        htu: 'https://auth.example.com.evil.com/oauth/token',
      }),
      'htu as an object': await prove(nonce, holder.privateKey, jwk, { htu: { toString: htu } }),
      'iat of long ago': signed({ alg: 'ES256', typ, jwk }, { ...claims, iat: now - 86_400 }, signer),
      'iat as a text': signed({ alg: 'ES256', typ, jwk }, { ...claims, iat: String(now) }, signer),
      'jti as an object': signed({ alg: 'ES256', typ, jwk }, { ...claims, jti: {} }, signer),
      'jti of a number': signed({ alg: 'ES256', typ, jwk }, { ...claims, jti: 7 }, signer),
      'jti of a list': signed({ alg: 'ES256', typ, jwk }, { ...claims, jti: ['a'] }, signer),
      'no jti': signed({ alg: 'ES256', typ, jwk }, { ...claims, jti: undefined }, signer),
      'a jti of 300': signed({ alg: 'ES256', typ, jwk }, { ...claims, jti: 'j'.repeat(300) }, signer),
      crit: signed({ alg: 'ES256', typ, jwk, crit: ['x'], x: 1 }, claims, signer),
      'two proofs': [await prove(nonce), await prove(nonce)],
      'an access token': (await service.open()).accessToken,
      nothing: '',
    };
    const came = new Tally();
    const expectRefused = async (what: string, answer: Answer): Promise<void> => {
      came.add(String(bodyOf(answer)['error']));
      expect([what, answer.status]).toEqual([what, 400]);
      const [row] = await database.query('SELECT generation, revoked_at FROM sessions WHERE dpop_jkt = $1', [
        dpopJkt,
      ]);
      expect([what, row]).toEqual([what, { generation: 0, revoked_at: null }]);
    };
    for (const [what, dpop] of Object.entries(proofs)) await expectRefused(what, await token({ dpop }));
    await expectRefused('no proof', await token({}));
    await expectRefused(
      'another’s good proof',
      await token({ dpop: await prove(nonce, other.privateKey, otherJwk) }),
    );
    const good = await prove(nonce);
    expect((await token({ dpop: good })).status).toBe(200);
    expect(bodyOf(await token({ dpop: good }))).toMatchObject({ error: 'invalid_dpop_proof' });
    report('forged DPoP proofs', Object.keys(proofs).length + 3, came.toString());
  });

  test('is no client by a forged assertion', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' };
    const app = await register(service, { authMethod: 'private_key_jwt', jwks: { keys: [jwk] } });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: app.id, sub: app.id, aud: ISSUER, exp: now + 60, jti: 'once' };
    const header = { alg: 'ES256', kid: 'k' };
    const assertions: Record<string, string> = {
      'alg none': `${b64({ alg: 'none' })}.${b64(claims)}.`,
      'HS256 with the public key': maced({ alg: 'HS256', kid: 'k' }, claims, inPem(publicKey)),
      'HS256 with the public JWK': maced({ alg: 'HS256', kid: 'k' }, claims, JSON.stringify(jwk)),
      'another key': signed(header, claims, forgersKey.privateKey),
      'own key in jwk': signed(
        { ...header, jwk: forgersKey.publicKey.export({ format: 'jwk' }) },
        claims,
        forgersKey.privateKey,
      ),
      'kid __proto__': signed({ ...header, kid: '__proto__' }, claims, forgersKey.privateKey),
      'kid of an object': signed({ ...header, kid: {} }, claims, forgersKey.privateKey),
      'for another audience': signed(header, { ...claims, aud: 'https://evil.example' }, privateKey),
      'of another subject': signed(header, { ...claims, sub: client.id }, privateKey),
      'of another issuer': signed(header, { ...claims, iss: client.id }, privateKey),
      expired: signed(header, { ...claims, exp: now - 600 }, privateKey),
      'for ever': signed(header, { ...claims, exp: now + 1e9 }, privateKey),
      'without an expiry': signed(header, { ...claims, exp: undefined }, privateKey),
      'without a jti': signed(header, { ...claims, jti: undefined }, privateKey),
      'with an empty jti': signed(header, { ...claims, jti: '' }, privateKey),
      'for the endpoint': signed(header, { ...claims, aud: `${ISSUER}/oauth/introspect` }, privateKey),
      'for others as well': signed(header, { ...claims, aud: [ISSUER, 'https://evil.example'] }, privateKey),
      'a subject with a NUL': signed(
        header,
        { ...claims, sub: `${app.id}\0`, iss: `${app.id}\0` },
        privateKey,
      ),
      'a subject of an object': signed(header, { ...claims, sub: { id: app.id } }, privateKey),
      'a subject of a list': signed(header, { ...claims, sub: [app.id] }, privateKey),
      'a subject of SQL': signed(header, { ...claims, sub: "' OR 1=1 --" }, privateKey),
    };
    const authenticate = (client_assertion: string): Promise<Answer> =>
      send(
        service.url,
        form('/oauth/introspect', {
          token: 'x',
          client_assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        }),
      );
    for (const [what, assertion] of Object.entries(assertions))
      expect([what, (await authenticate(assertion)).status]).toEqual([what, 401]);
    const good = signed(header, claims, privateKey);
    expect([(await authenticate(good)).status, (await authenticate(good)).status]).toEqual([200, 401]);
    const ids = ['\0', `${app.id}\0`, '__proto__', "' OR 1=1 --", 'x'.repeat(5_000), '%', '\ud800', ' '];
    for (const id of ids) {
      const byPost = await send(
        service.url,
        form('/oauth/token', { grant_type: 'refresh_token', client_id: id }),
      );
      const both = Buffer.from(`${encodeURIComponent(Buffer.from(id).toString())}:x`).toString('base64');
      const byBasic = await send(
        service.url,
        form('/oauth/token', { grant_type: 'refresh_token' }, { authorization: `Basic ${both}` }),
      );
      expect([id, byPost.status, byBasic.status]).toEqual([id, 401, 401]);
    }
    for (const method of ['GET', 'DELETE']) {
      const { status } = await send(service.url, asBackend(method, '/clients/%00'));
      expect([method, status]).toEqual([method, method === 'GET' ? 404 : 204]);
    }
    report(
      'forged assertions and client names',
      Object.keys(assertions).length + 1 + ids.length * 2 + 2,
      'no client authenticated',
    );
  });
});
