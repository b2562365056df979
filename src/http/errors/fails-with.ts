import { applyDecorators, type Type } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';

/** Makes the decorator that documents a failure whose body is `type`, of a route or of all routes of a controller. */
export function failsWith(
  type: Type,
): (status: number, description: string) => MethodDecorator & ClassDecorator {
  return (status, description) => ApiResponse({ status, description, type });
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
