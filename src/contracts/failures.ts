import { applyDecorators, type Type } from '@nestjs/common';
import { BodyFailures, failsWith } from '../http/errors/fails-with.js';

/** Documents the failures that every contract of JSON bodies has, in its own error body. */
export function CommonFailures(type: Type): MethodDecorator {
  const Fails = failsWith(type);
  return applyDecorators(
    Fails(403, 'A page of a foreign origin sent a cookie of this service along'),
    BodyFailures(type),
    Fails(429, 'Too many requests; see Retry-After'),
    Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good'),
  );
}
