import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches, type ValidationOptions } from 'class-validator';

/** Neither control characters nor half a surrogate pair, in place of which another character would be stored. */
const ONE_LINE = /^[^\p{Cc}\p{Cs}]*$/u;

/** Whether a text is of one line. */
export function isOneLine(text: string): boolean {
  return ONE_LINE.test(text);
}

/** Validates a text of one line, of 1 to `max` characters. (PostgreSQL's text has no NUL, and logs no line breaks.) */
export function IsSingleLine(max: number, options: ValidationOptions = {}): PropertyDecorator {
  const which = options.each ? 'each value in $property' : '$property';
  return applyDecorators(
    IsString(options),
    Length(1, max, options),
    Matches(ONE_LINE, {
      ...options,
      message: `${which} must not hold control characters or half a surrogate pair`,
    }),
  );
}
