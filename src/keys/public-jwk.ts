import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
};

/** The public half of a signing key as a JWK for signatures, with its thumbprint (RFC 7638) as `kid`. */
export function publicJwk(
  privateKey: KeyObject,
  algorithm: string,
): Record<string, unknown> & { kid: string } {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const members = THUMBPRINT_MEMBERS[jwk.kty ?? '']!.map((name) => [name, jwk[name]]);
  const kid = createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url');
  return { ...jwk, kid, use: 'sig', alg: algorithm };
}
