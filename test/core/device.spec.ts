import { createSecretKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  CHALLENGE_TTL,
  isChallenge,
  newChallenge,
  newDeviceCookie,
  readDeviceCookie,
} from '../../src/core/device-binding.ts';
import { deviceThumbprint, isProofOf, readDeviceProof, type DeviceKey } from '../../src/core/device-proof.ts';

const NOW = 1_795_000_000;
const [ONE, OTHER] = [
  '8d6b1c1e-7a52-8a31-9d67-3f6a1b0c2d4e',
  '0ae49e4a-6fce-8679-9239-1cb74e3b0b2f',
] as const;
const [KEY, OLD_KEY, FOREIGN_KEY] = ['new', 'old', 'foreign'].map((text) =>
  createSecretKey(Buffer.from(text.repeat(16))),
) as [KeyObject, KeyObject, KeyObject];

const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { x, y } = device.publicKey.export({ format: 'jwk' }) as DeviceKey & object;
const JWK = { kty: 'EC', crv: 'P-256', x, y };
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** As Chromium makes it, but for what is said otherwise. */
function proof(header: object = {}, payload: unknown = { jti: 'a challenge' }): string {
  const signed = `${part({ alg: 'ES256', typ: 'dbsc+jwt', ...header })}.${part(payload)}`;
  const signature = sign('sha256', Buffer.from(signed), {
    key: device.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${signed}.${signature.toString('base64url')}`;
}

describe('a proof of a device', () => {
  test('is read as Chromium sends it, and as the specification has it', () => {
    const text = proof({ jwk: JWK }, { jti: 'a challenge', authorization: 'as offered' });
    for (const header of [text, `"${text}"`]) {
      const read = readDeviceProof(header)!;
      expect(read).toMatchObject({ challenge: 'a challenge', authorization: 'as offered', key: { x, y } });
      expect(isProofOf({ x, y }, read)).toBe(true);
    }
    expect(readDeviceProof(proof())).toMatchObject({ key: undefined, authorization: undefined });
  });

  test.each<[string, string]>([
    ['of another algorithm', proof({ alg: 'RS256' })],
    ['of none', proof({ alg: 'none' })],
    ['of a shared secret', proof({ alg: 'HS256' })],
    ['of another type', proof({ typ: 'JWT' })],
    ['of DPoP', proof({ typ: 'dpop+jwt' })],
    ['without a challenge', proof({}, {})],
    ['with a challenge that is no text', proof({}, { jti: 7 })],
    ['with an authorization that is no text', proof({}, { jti: 'a', authorization: {} })],
    ['with a payload that is no object', proof({}, '"text"')],
    ['with a payload that is no JSON', proof({}, 'text')],
    ['with a private key', proof({ jwk: { ...JWK, d: x } })],
    ['with a key of another curve', proof({ jwk: { ...JWK, crv: 'secp256k1' } })],
    ['with a key of another kind', proof({ jwk: { kty: 'RSA', n: x, e: 'AQAB' } })],
    ['with half a key', proof({ jwk: { kty: 'EC', crv: 'P-256', x } })],
    ['with a key that is a text', proof({ jwk: 'key' })],
    ['that is too large', proof({}, { jti: 'x'.repeat(2_000) })],
    ['with half a signature', proof().slice(0, -40)],
    ['in four parts', `${proof()}.x`],
    ['quoted at one side', `"${proof()}`],
    ['that is empty', ''],
  ])('is none %s', (_what, text) => {
    expect(readDeviceProof(text)).toBeUndefined();
  });

  test('is of the key that made it, and of no other, nor of what is no point of the curve', () => {
    const read = readDeviceProof(proof())!;
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      format: 'jwk',
    }) as DeviceKey & object;
    expect(isProofOf({ x: other.x, y: other.y }, read)).toBe(false);
    expect(isProofOf({ x, y: x }, read)).toBe(false);
    expect(isProofOf({ x, y }, { ...read, signed: `${read.signed}x` })).toBe(false);
  });

  test('names its key as RFC 7638 does', () => {
    expect(
      deviceThumbprint({
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      }),
    ).toBe('oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U');
  });
});

describe('a challenge', () => {
  const challenge = newChallenge(ONE, NOW, OLD_KEY);

  test('is good for its session, for minutes, under each of the keys', () => {
    for (const age of [0, 1, CHALLENGE_TTL, -60])
      expect(isChallenge(challenge, ONE, NOW + age, [KEY, OLD_KEY])).toBe(true);
  });

  test.each<[string, () => boolean]>([
    ['when it is old', () => isChallenge(challenge, ONE, NOW + CHALLENGE_TTL + 1, [KEY, OLD_KEY])],
    ['from the future', () => isChallenge(challenge, ONE, NOW - 61, [OLD_KEY])],
    ['for another session', () => isChallenge(challenge, OTHER, NOW, [OLD_KEY])],
    ['under another key', () => isChallenge(challenge, ONE, NOW, [KEY, FOREIGN_KEY])],
    [
      'with a later time',
      () => isChallenge(challenge.replace(/^[^.]*/, (NOW + 5).toString(36)), ONE, NOW, [OLD_KEY]),
    ],
    ['as a cookie', () => readDeviceCookie(challenge, ONE, NOW, { keys: [OLD_KEY], ttl: 600 }) !== undefined],
    ['without a time', () => isChallenge(challenge.replace(/^[^.]*/, ''), ONE, NOW, [OLD_KEY])],
    ['when it is nothing', () => isChallenge('', ONE, NOW, [OLD_KEY])],
  ])('is not good %s', (_what, check) => {
    expect(check()).toBe(false);
  });
});

describe('the cookie of a device', () => {
  const thumbprint = deviceThumbprint({ x, y });
  const cookie = newDeviceCookie(ONE, thumbprint, NOW, KEY);
  const read = (
    text: string,
    at = NOW,
    sessionId: string = ONE,
    keys: readonly KeyObject[] = [KEY],
  ): string | undefined => readDeviceCookie(text, sessionId, at, { keys, ttl: 600 });

  test('names the key for as long as it lives', () => {
    expect([read(cookie), read(cookie, NOW + 600)]).toEqual([thumbprint, thumbprint]);
    expect(read(cookie, NOW, ONE, [OLD_KEY, KEY])).toBe(thumbprint);
  });

  test('names none when it is old, of another session, of another key, or changed', () => {
    const others = [
      read(cookie, NOW + 601),
      read(cookie, NOW, OTHER),
      read(cookie, NOW, ONE, [FOREIGN_KEY]),
      read(cookie.replace(thumbprint, deviceThumbprint({ x: y, y: x }))),
      read(`${cookie}x`),
      read(newChallenge(ONE, NOW, KEY)),
      read(''),
    ];
    expect(others).toEqual(others.map(() => undefined));
  });
});
