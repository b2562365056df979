import { applyDecorators, type Type } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { ApiException } from './api.exception.js';

/** Documents a failure, of a route or of all routes of a controller; and what it looks like, if no error format says so. */
type Fails = (
  status: number,
  description: string,
  ...errors: readonly ApiException[]
) => MethodDecorator & ClassDecorator;

/** Makes the decorator that documents failures whose body is `type`. */
export function failsWith(type: Type): Fails {
  return (status, description, ...errors) => {
    const [example, ...others] = errors.map((error) => error.getResponse());
    const examples = Object.fromEntries(
      errors.map((error, index) => [`${error.reason}_${index + 1}`, { value: error.getResponse() }]),
    );
    return ApiResponse({
      ...{ status, description, type },
      ...(others.length > 0 ? { examples: examples as never } : example !== undefined && { example }),
    });
  };
}

/** Documents what a request may fail with for its body, be it known or not, before anybody looks at that. */
export function BodyFailures(type: Type): MethodDecorator {
  const Fails = failsWith(type);
  return applyDecorators(
    Fails(408, 'The body took too long to arrive'),
    Fails(413, 'The request is too large'),
    Fails(415, 'The body is not application/json, is compressed, or is not in UTF-8'),
  );
}
