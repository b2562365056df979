import { generateKeyPairSync, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mistakesOf, read, type Environment } from './a-server.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const PEM = RSA.export({ type: 'spki', format: 'pem' }).toString();
const EC_PEM = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();

/** The keys of the one lane that is open, as bytes. */
function keysOf(environment: Environment): Buffer[] {
  const { lane } = read(environment).legacy.lanes[0]!;
  return 'keys' in lane ? lane.keys.map((key) => key.export()) : [];
}

const ISSUER = {
  LEGACY_TOKENS: 'issuer@2027-03-01',
  LEGACY_ISSUER_TOKEN_ENDPOINT: 'https://tenant.example/oauth/token',
  LEGACY_ISSUER_CLIENT_ID: 'an-app',
};

describe('who moves in', () => {
  test('has nothing to set, and then no lane is open', () => {
    expect(read({}).legacy).toEqual({ lanes: [], cookies: [], issuer: undefined });
  });

  test('opens lanes, each until a day of its own', () => {
    const { legacy } = read({
      LEGACY_TOKENS: 'sha256@2027-03-01, sha256x2@2027-04-01',
    });
    expect(legacy).toEqual({
      lanes: [
        { lane: { name: 'sha256' }, closesAt: new Date('2027-03-01T00:00:00Z') },
        { lane: { name: 'sha256x2' }, closesAt: new Date('2027-04-01T00:00:00Z') },
      ],
      cookies: [],
      issuer: undefined,
    });
  });

  test('says where tokens are redeemed, as which client, and what is taken of the answer', () => {
    const { legacy } = read({ ...ISSUER, LEGACY_ISSUER_CLAIMS: 'subject=user_id,tenant=org_id' });
    expect(legacy.issuer).toEqual({
      endpoint: 'https://tenant.example/oauth/token',
      clientId: 'an-app',
      clientSecret: undefined,
      mapping: { subject: 'user_id', claims: new Map([['tenant', 'org_id']]) },
    });
  });

  test('names the cookies of the old system, each with its path where it has one of its own', () => {
    const { legacy } = read({
      LEGACY_TOKENS: 'sha256@2027-03-01',
      LEGACY_COOKIES: '__Secure-better-auth.session_token, sRefreshToken@/auth/session/refresh',
    });
    expect(legacy.cookies).toEqual([
      { name: '__Secure-better-auth.session_token', path: undefined },
      { name: 'sRefreshToken', path: '/auth/session/refresh' },
    ]);
  });

  test('gives the secrets of the old system, as text or as bytes, or in a file', () => {
    const lane = { LEGACY_TOKENS: 'better-auth@2027-03-01' };
    const asGiven = keysOf({ ...lane, LEGACY_BETTER_AUTH_SECRETS: 'new,base64:b2xk' });
    expect(asGiven.map(String)).toEqual(['new', 'old']);
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-legacy-'));
    writeFileSync(join(folder, 'secrets'), 'new,base64:b2xk\n');
    const inFile = keysOf({ ...lane, LEGACY_BETTER_AUTH_SECRETS_FILE: join(folder, 'secrets') });
    rmSync(folder, { recursive: true });
    expect(inFile).toEqual(asGiven);
  });

  test('gives the system secrets of Hydra as they are, of which it signs with the digest', () => {
    const keys = keysOf({ LEGACY_TOKENS: 'hydra@2027-03-01', LEGACY_HYDRA_SECRETS: 'new,old' });
    expect(keys).toEqual(['new', 'old'].map((secret) => hash('sha256', secret, 'buffer')));
  });

  test('says how JWTs are signed, what names their session, and what they must be beside', () => {
    const { legacy } = read({
      LEGACY_TOKENS: 'jwt@2027-03-01',
      LEGACY_JWT: 'HS512:sid+azp:typ=Refresh|Offline',
      LEGACY_JWT_KEYS: 'base64:AAECAw',
    });
    expect(legacy.lanes[0]!.lane).toMatchObject({
      name: 'jwt',
      algorithm: 'HS512',
      names: ['sid', 'azp'],
      required: new Map([['typ', ['Refresh', 'Offline']]]),
    });
  });

  test('gives public keys where JWTs are signed with a private one', () => {
    const { legacy } = read({
      LEGACY_TOKENS: 'jwt@2027-03-01',
      LEGACY_JWT: 'RS256:sid',
      LEGACY_JWT_KEYS: (PEM + PEM).replaceAll('\n', '\\n'),
    });
    expect(legacy.lanes[0]!.lane).toMatchObject({ algorithm: 'RS256', keys: [RSA, RSA] });
  });

  const JWT = { LEGACY_TOKENS: 'jwt@2027-03-01', LEGACY_JWT_KEYS: 'sesame' };
  test.each<[Environment, RegExp]>([
    [
      { LEGACY_TOKENS: 'sha-256@2027-03-01' },
      /"sha-256" is not a lane; there are sha256, sha256x2, better-auth/,
    ],
    [{ LEGACY_TOKENS: 'sha256' }, /sha256 must say on which day it closes: write it as sha256@2027-03-01/],
    [{ LEGACY_TOKENS: 'sha256@2027-02-30' }, /on which day it closes/],
    [{ LEGACY_TOKENS: 'sha256@2027-3-1' }, /on which day it closes/],
    [{ LEGACY_TOKENS: 'sha256@2027-03-01,sha256@2027-04-01' }, /sha256 is there twice/],
    [{ LEGACY_TOKENS: 'hydra@2027-03-01' }, /opens hydra, for which LEGACY_HYDRA_SECRETS must be set/],
    [{ LEGACY_TOKENS: 'better-auth@2027-03-01' }, /for which LEGACY_BETTER_AUTH_SECRETS must be set/],
    [{ LEGACY_TOKENS: 'jwt@2027-03-01' }, /opens jwt, for which LEGACY_JWT and LEGACY_JWT_KEYS must be set/],
    [{ LEGACY_TOKENS: 'jwt@2027-03-01', LEGACY_JWT: 'HS256:sid' }, /LEGACY_JWT_KEYS must be set/],
    [
      { LEGACY_TOKENS: 'sha256@2027-03-01', LEGACY_COOKIES: 'a cookie' },
      /^LEGACY_COOKIES: "a cookie" is not the name of a cookie$/,
    ],
    [
      { LEGACY_TOKENS: 'sha256@2027-03-01', LEGACY_COOKIES: 'sid@auth' },
      /the path "auth" of sid is not a path such as \/auth/,
    ],
    [{ LEGACY_TOKENS: 'sha256@2027-03-01', LEGACY_COOKIES: 'sid,sid@/auth' }, /sid is there twice/],
    [
      { LEGACY_COOKIES: 'sid' },
      /are read for the tokens that LEGACY_TOKENS opens lanes for, which is not set/,
    ],
    [{ ...JWT, LEGACY_JWT: 'none:sid' }, /begins with "none", which is none of HS256, HS384/],
    [{ ...JWT, LEGACY_JWT: 'HS256' }, /is written algorithm:claim/],
    [{ ...JWT, LEGACY_JWT: 'HS256:sid:typ' }, /is written algorithm:claim/],
    [{ ...JWT, LEGACY_JWT: 'RS256:sid' }, /^LEGACY_JWT_KEYS: must be PEM public keys for RS256$/],
    [{ ...JWT, LEGACY_JWT: 'RS256:sid', LEGACY_JWT_KEYS: EC_PEM }, /must be PEM public keys for RS256/],
    [{ ...JWT, LEGACY_JWT: 'HS256:sid', LEGACY_JWT_KEYS: 'a,base64:!' }, /secret 2 is not base64/],
  ])('is told what is wrong with %j', (environment, sentence) => {
    const all = mistakesOf(environment);
    expect(all).toEqual([expect.stringMatching(sentence)]);
    expect(all.join()).not.toContain('sesame');
  });
});
