import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { RefreshTokenKey } from '../core/refresh-token.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts a private key under a key derived (HKDF-SHA256) from a refresh token key, bound to its `kid`, so that the
 * database alone signs nothing: nonce, ciphertext, tag.
 */
export function sealKey(privateKey: KeyObject, kid: string, under: RefreshTokenKey): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, sealingKey(under), nonce).setAAD(Buffer.from(kid));
  const plain = privateKey.export({ type: 'pkcs8', format: 'der' });
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what sealKey gave; undefined if it was sealed under another key or has been altered. */
export function openKey(sealed: Uint8Array, kid: string, under: RefreshTokenKey): KeyObject | undefined {
  const bytes = Buffer.from(sealed);
  const tagAt = bytes.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, sealingKey(under), bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(kid))
      .setAuthTag(bytes.subarray(tagAt));
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    return createPrivateKey({ key: plain, type: 'pkcs8', format: 'der' });
  } catch {
    return undefined;
  }
}

function sealingKey({ secret }: RefreshTokenKey): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'ratchet/signing-key/v1', 32)));
}
