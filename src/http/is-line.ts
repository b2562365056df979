import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches, type ValidationOptions } from 'class-validator';

// eslint-disable-next-line no-control-regex -- it is the control characters that are meant
const NO_CONTROL_CHARACTERS = /^[^\u0000-\u001f\u007f]*$/;

/** Validates a text of one line, of 1 to `max` characters. (PostgreSQL's text has no NUL, and logs no line breaks.) */
export function IsLine(max: number, options: ValidationOptions = {}): PropertyDecorator {
  const which = options.each ? 'each value in $property' : '$property';
  return applyDecorators(
    IsString(options),
    Length(1, max, options),
    Matches(NO_CONTROL_CHARACTERS, { ...options, message: `${which} must not hold control characters` }),
  );
}
