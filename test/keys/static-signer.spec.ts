import { createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto';
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
  const signer = new StaticSigner(new JwtService(), { kind: 'key', privateKey, algorithm }, ISSUER);

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
    const restarted = new StaticSigner(new JwtService(), { kind: 'key', privateKey, algorithm }, ISSUER);
    expect(published(restarted)).toEqual(published(signer));
  });

  test('publishes its public half and nothing else', () => {
    const [jwk, ...others] = published(signer).keys;
    expect(others).toEqual([]);
    const { kid: _kid, use, alg, ...key } = jwk!;
    expect({ use, alg }).toEqual({ use: 'sig', alg: algorithm });
    expect(key).toEqual(createPublicKey(privateKey).export({ format: 'jwk' }));
    expect(jwk).not.toHaveProperty('d');
  });

  test('does not verify what another key signed', async () => {
    const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const forger = new StaticSigner(
      new JwtService(),
      {
        kind: 'key',
        privateKey: theirs,
        algorithm: 'ES256',
      },
      ISSUER,
    );
    await expect(
      jwtVerify(forger.sign(claims), createLocalJWKSet(published(signer)), expected),
    ).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  });
});

describe('a shared secret', () => {
  const secret = Buffer.from('a-shared-secret-of-at-least-32-characters');
  const signer = new StaticSigner(
    new JwtService(),
    { kind: 'secret', secret: createSecretKey(secret) },
    ISSUER,
  );

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
