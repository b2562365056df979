import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { openKey, sealKey } from '../../src/keys/sealed-key.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const under = { kid: 1, secret: createSecretKey('a-refresh-token-key-of-32-characters', 'utf8') };
const sealed = sealKey(privateKey, 'key-a', under);

describe('a sealed signing key', () => {
  test('is opened by whoever has the refresh token key it is sealed under', () => {
    expect(openKey(sealed, 'key-a', under)?.equals(privateKey)).toBe(true);
  });

  test('is opened by the secret, whatever number the operator gives it', () => {
    expect(openKey(sealed, 'key-a', { ...under, kid: 2 })?.equals(privateKey)).toBe(true);
  });

  test('is not opened by whoever has the database alone', () => {
    expect(openKey(sealed, 'key-a', { kid: 1, secret: createSecretKey(Buffer.alloc(36)) })).toBeUndefined();
    expect(
      openKey(sealed, 'key-a', {
        kid: 1,
        secret: createSecretKey(`${under.secret.export().toString()}!`, 'utf8'),
      }),
    ).toBe(undefined);
  });

  test('cannot be put in the place of another key', () => {
    expect(openKey(sealed, 'key-b', under)).toBeUndefined();
  });

  test('is refused if one bit of it was altered, wherever', () => {
    const opened = Array.from(sealed, (byte, at) => {
      const altered = Uint8Array.from(sealed);
      altered[at] = byte ^ 1;
      return openKey(altered, 'key-a', under);
    });
    expect(opened.filter(Boolean)).toEqual([]);
  });

  test('is refused if it was cut short or added to', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(openKey(sealed.subarray(0, length), 'key-a', under)).toBeUndefined();
    }
    expect(openKey(Buffer.concat([sealed, Buffer.alloc(1)]), 'key-a', under)).toBeUndefined();
  });

  test('shows nothing of the key, and looks different each time', () => {
    const plain = privateKey.export({ type: 'pkcs8', format: 'der' });
    const scalar = Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url');
    expect(plain.includes(scalar)).toBe(true);
    expect(Buffer.from(sealed).includes(scalar)).toBe(false);
    expect(Buffer.from(sealKey(privateKey, 'key-a', under)).equals(sealed)).toBe(false);
  });
});
