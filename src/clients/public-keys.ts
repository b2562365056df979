import { registerDecorator } from 'class-validator';
import { mistakeInPublicKeys } from '../core/client-keys.js';

/** Validates a JWK Set of public keys for signatures. A private or a shared key must never be sent here. */
export function ArePublicKeys(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'arePublicKeys',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: (jwks: unknown) => mistakeInPublicKeys(jwks) === undefined,
        defaultMessage: (validation) => mistakeInPublicKeys(validation?.value) ?? '',
      },
    });
}
