import { createPublicKey, createSecretKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
} from 'jose';
import type { AccessTokenSigner } from '../../src/keys/access-token-signer.ts';
import { StaticSigner } from '../../src/keys/static-signer.ts';
import { claimsAt, ISSUER } from './claims.ts';
import { otherSpellings } from './other-spellings.ts';

const claims = claimsAt(new Date());
const expected = { issuer: claims.iss, audience: claims.aud as string, typ: 'at+jwt' };

/** The keys as a resource server fetches them. */
function published(signer: AccessTokenSigner): JSONWebKeySet {
  return JSON.parse(JSON.stringify(signer.jwks())) as JSONWebKeySet;
}

describe.each([
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
] as const)("an operator's own key for %s", (algorithm, { privateKey }) => {
  const start = (): Promise<StaticSigner> =>
    StaticSigner.from(new JwtService(), { kind: 'key', privateKey, algorithm, others: [] }, ISSUER);
  let signer: StaticSigner;
  beforeAll(async () => {
    signer = await start();
  });

  /** A JWT of a body as it is written, by the same key. */
  const sign = (body: string, extension: object = {}): string => {
    const header = { ...decodeProtectedHeader(signer.sign(claims)), ...extension };
    const text = [JSON.stringify(header), body]
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    const hash = `sha${algorithm.slice(2)}`;
    const signature = signBytes(hash, Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };

  test('signs what a resource server verifies with the published keys alone', async () => {
    const { payload } = await jwtVerify(signer.sign(claims), createLocalJWKSet(published(signer)), expected);
    expect(payload).toEqual(claims);
  });

  test('is named by its thumbprint (RFC 7638), the same after each start', async () => {
    const [jwk] = published(signer).keys;
    const { kid, ...header } = decodeProtectedHeader(signer.sign(claims));
    expect(header).toEqual({ alg: algorithm, typ: 'at+jwt' });
    expect(kid).toBe(jwk!.kid);
    expect(kid).toBe(await calculateJwkThumbprint(jwk!));
    expect(published(await start())).toEqual(published(signer));
  });

  test('publishes its public half and nothing else', () => {
    const [jwk, ...others] = published(signer).keys;
    expect(others).toEqual([]);
    const { kid: _kid, use, alg, ...key } = jwk!;
    expect({ use, alg }).toEqual({ use: 'sig', alg: algorithm });
    expect(key).toEqual(createPublicKey(privateKey).export({ format: 'jwk' }));
    expect(jwk).not.toHaveProperty('d');
  });

  test('verifies what it signed, in one spelling and with times that are times', () => {
    const good = signer.sign(claims);
    expect(signer.verify(good)).toMatchObject(claims);
    if (algorithm === 'ES256')
      for (const spelling of otherSpellings(good))
        expect([spelling, signer.verify(spelling)]).toEqual([spelling, undefined]);
    for (const time of ['exp', 'iat', 'nbf']) {
      expect(signer.verify(signer.sign({ ...claims, [time]: 1 }))).toMatchObject({ [time]: 1 });
      for (const odd of ['1e400', '-1e400', '-1', '"1"', 'null', '[1]', '{}']) {
        const text = JSON.stringify({ ...claims, [time]: 'odd' }).replace('"odd"', odd);
        expect([time, odd, signer.verify(sign(text))]).toEqual([time, odd, undefined]);
      }
    }
    for (const extension of [{ crit: [] }, { crit: ['exp'], exp: 1 }, { b64: false }, { b64: true }])
      expect(signer.verify(sign(JSON.stringify(claims), extension))).toBeUndefined();
    expect(signer.verify(sign(JSON.stringify(claims)))).toMatchObject(claims);
  });

  test('does not verify what another key signed', async () => {
    const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const forger = await StaticSigner.from(
      new JwtService(),
      { kind: 'key', privateKey: theirs, algorithm: 'ES256', others: [] },
      ISSUER,
    );
    await expect(
      jwtVerify(forger.sign(claims), createLocalJWKSet(published(signer)), expected),
    ).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  });
});

describe('a shared secret', () => {
  const secret = Buffer.from('a-shared-secret-of-at-least-32-characters');
  let signer: StaticSigner;
  beforeAll(async () => {
    signer = await StaticSigner.from(
      new JwtService(),
      { kind: 'secret', secret: createSecretKey(secret), others: [] },
      ISSUER,
    );
  });

  test('signs with HS256 what whoever has the secret verifies', async () => {
    const { payload, protectedHeader } = await jwtVerify(signer.sign(claims), secret, expected);
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'at+jwt' });
  });

  test('is not published', () => {
    expect(published(signer)).toEqual({ keys: [] });
  });

  test('does not verify what another secret signed', async () => {
    await expect(jwtVerify(signer.sign(claims), Buffer.alloc(41, 'x'), expected)).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  });
});

describe('a key that another has taken the place of', () => {
  const start = (signing: Parameters<typeof StaticSigner.from>[1]): Promise<StaticSigner> =>
    StaticSigner.from(new JwtService(), signing, ISSUER);

  test('is still published, and what it signed is verified; what it signs is not, once it is taken away', async () => {
    const before = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const old = await start({ kind: 'key', privateKey: before.privateKey, algorithm: 'RS256', others: [] });
    const token = old.sign(claims);
    const others = [{ publicKey: before.publicKey, algorithm: 'RS256' }] as const;
    const both = await start({ kind: 'key', privateKey, algorithm: 'ES256', others });
    expect(both.verify(token)).toEqual(claims);
    expect(both.verify(both.sign(claims))).toEqual(claims);
    expect(decodeProtectedHeader(both.sign(claims)).alg).toBe('ES256');
    expect(published(both).keys.map(({ alg }) => alg)).toEqual(['ES256', 'RS256']);
    expect(published(both).keys[1]).toEqual(published(old).keys[0]);
    await jwtVerify(token, createLocalJWKSet(published(both)), expected);

    const alone = await start({ kind: 'key', privateKey, algorithm: 'ES256', others: [] });
    expect(alone.verify(token)).toBeUndefined();
    expect(published(alone).keys).toHaveLength(1);
  });

  test('may be a secret, too', async () => {
    const [secret, before] = ['now', 'before'].map((when) => createSecretKey(Buffer.alloc(41, when)));
    const old = await start({ kind: 'secret', secret: before!, others: [] });
    const both = await start({ kind: 'secret', secret: secret!, others: [before!] });
    expect(both.verify(old.sign(claims))).toEqual(claims);
    expect(both.verify(both.sign(claims))).toEqual(claims);
    expect(old.verify(both.sign(claims))).toBeUndefined();
    expect(published(both)).toEqual({ keys: [] });
  });
});
