import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches, type ValidationOptions } from 'class-validator';
import { ONE_LINE } from '../../core/one-line.js';

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
