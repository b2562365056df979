import { createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK } from 'jose';

/** A public key, or the public half of a private one, as a JWK for signatures, with its thumbprint (RFC 7638) as `kid`. */
export async function publicJwk(
  key: KeyObject,
  algorithm: string,
): Promise<Record<string, unknown> & { kid: string }> {
  const jwk = await exportJWK(key.type === 'private' ? createPublicKey(key) : key);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: algorithm };
}
