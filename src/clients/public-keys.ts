import { createPublicKey } from 'node:crypto';
import { registerDecorator } from 'class-validator';

const MAX_KEYS = 10;

/** Validates a JWK Set of public keys for signatures: EC or RSA. A private or a shared key must never be sent here. */
export function ArePublicKeys(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'arePublicKeys',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: (jwks: unknown) => isPublicKeySet(jwks),
        defaultMessage: () =>
          `jwks must be a JWK Set of 1 to ${MAX_KEYS} public keys (EC, RSA or OKP), and of no private ones`,
      },
    });
}

function isPublicKeySet(jwks: unknown): boolean {
  const { keys } = (jwks ?? {}) as { keys?: unknown };
  return Array.isArray(keys) && keys.length > 0 && keys.length <= MAX_KEYS && keys.every(isPublicKey);
}

function isPublicKey(jwk: unknown): boolean {
  if (typeof jwk !== 'object' || jwk === null || 'd' in jwk || 'k' in jwk) return false;
  try {
    return createPublicKey({ key: jwk as never, format: 'jwk' }).type === 'public';
  } catch {
    return false;
  }
}
