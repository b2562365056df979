import { ValidateBy } from 'class-validator';

/** PostgreSQL's jsonb has neither NUL nor half a surrogate pair; JSON.stringify writes both as escapes. */
const UNSTORABLE = /(?<!\\)(\\\\)*\\u(0000|d[89a-f])/;

/** Whether PostgreSQL takes `value` as jsonb. */
export function isStorable(value: unknown): boolean {
  return !UNSTORABLE.test(JSON.stringify(value));
}

/** Validates that PostgreSQL takes the value as jsonb. */
export function IsStorable(): PropertyDecorator {
  return ValidateBy({
    name: 'isStorable',
    validator: {
      validate: isStorable,
      defaultMessage: () => '$property must not hold the character NUL or half a surrogate pair',
    },
  });
}
