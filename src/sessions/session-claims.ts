import { registerDecorator } from 'class-validator';
import { MAX_CLAIMS_BYTES, RESERVED_CLAIMS } from '../core/access-token.js';
import { isStorable } from '../http/validation/storable.js';

/** Validates that claims fit into a token and name none that the service sets itself. */
export function AreSessionClaims(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'areOwnClaims',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: (claims: unknown) => mistakeIn(claims) === undefined,
        defaultMessage: (validation) => mistakeIn(validation?.value) ?? '',
      },
    });
}

/** What is wrong with claims, in a sentence; undefined if nothing is. */
export function mistakeIn(claims: unknown): string | undefined {
  if (typeof claims !== 'object' || claims === null) return 'claims must be an object';
  const reserved = Object.keys(claims).filter((name) => RESERVED_CLAIMS.has(name));
  if (reserved.length > 0) return `claims must not name ${reserved.join(', ')}, which the service sets`;
  const text = JSON.stringify(claims);
  if (Buffer.byteLength(text) > MAX_CLAIMS_BYTES)
    return `claims must not be longer than ${MAX_CLAIMS_BYTES} bytes of JSON`;
  if (!isStorable(claims)) return 'claims must not hold the character NUL or half a surrogate pair';
  return undefined;
}
