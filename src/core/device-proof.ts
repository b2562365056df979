import { createHash, createPublicKey, verify } from 'node:crypto';
import { objectIn } from './jwt-part.js';

/** The public key of a device: a point of P-256, each coordinate 32 bytes in base64url (RFC 7518 section 6.2.1). */
export interface DeviceKey {
  readonly x: string;
  readonly y: string;
}

/** What a browser proves of the device that it is on, not verified yet. */
export interface DeviceProof {
  /** The challenge that it answers. */
  readonly challenge: string;
  /** What was offered with the challenge, at a registration. */
  readonly authorization: string | undefined;
  /** The key that is to be registered; absent where one is known. */
  readonly key: DeviceKey | undefined;
  /** What is signed, and the signature (r and s). */
  readonly signed: string;
  readonly signature: Buffer;
}

/** The algorithm that devices are offered (RFC 7518 section 3.4). Every TPM has it. */
export const DEVICE_ALGORITHM = 'ES256';

/** What Chromium sends has some 500; whoever sends more means something else. */
const MOST_CHARACTERS = 2_048;
const JWT = /^([A-Za-z0-9_-]{16,})\.([A-Za-z0-9_-]{4,})\.([A-Za-z0-9_-]{86})$/;
const COORDINATE = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads the JWT of a Secure-Session-Response header (W3C Device Bound Session Credentials section 9.5), which Chromium sends
 * as it is, and the specification as a quoted string.
 *
 * @returns undefined if it is none, or of another type or algorithm
 */
export function readDeviceProof(header: string): DeviceProof | undefined {
  if (header.length > MOST_CHARACTERS) return undefined;
  const [, text = header] = /^"(.*)"$/.exec(header) ?? [];
  const [, head, payload, signature] = JWT.exec(text) ?? [];
  const [said, claims] = [head, payload].map((part) => (part === undefined ? undefined : objectIn(part)));
  if (!said || !claims || said['alg'] !== DEVICE_ALGORITHM || said['typ'] !== 'dbsc+jwt') return undefined;
  const { jti: challenge, authorization } = claims;
  if (typeof challenge !== 'string' || !['string', 'undefined'].includes(typeof authorization))
    return undefined;
  const key = said['jwk'] === undefined ? undefined : keyIn(said['jwk']);
  if (said['jwk'] !== undefined && !key) return undefined;
  return {
    ...{ challenge, key, authorization: authorization as string | undefined },
    signed: `${head!}.${payload!}`,
    signature: Buffer.from(signature!, 'base64url'),
  };
}

/** Whether a proof was made with the private half of `key`. */
export function isProofOf({ x, y }: DeviceKey, { signed, signature }: DeviceProof): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
    return verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    // Not every pair of coordinates is a point of the curve.
    return false;
  }
}

/** The thumbprint of a device's key (RFC 7638), in base64url. */
export function deviceThumbprint({ x, y }: DeviceKey): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
}

function keyIn(jwk: unknown): DeviceKey | undefined {
  if (typeof jwk !== 'object' || jwk === null || 'd' in jwk) return undefined;
  const { kty, crv, x, y } = jwk as Record<string, unknown>;
  if (kty !== 'EC' || crv !== 'P-256') return undefined;
  if (typeof x !== 'string' || typeof y !== 'string' || !COORDINATE.test(x) || !COORDINATE.test(y))
    return undefined;
  return { x, y };
}
