import { applyDecorators, Param, ParseUUIDPipe } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { SAMPLE_SESSION_ID } from '../auth/sample-tokens.js';
import { ApiErrorDto } from '../http/errors/api-error.dto.js';
import { ApiException } from '../http/errors/api.exception.js';
import { failsWith } from '../http/errors/fails-with.js';

/** The `id` in a path, of a session; what can be none is answered as one that is not there. */
export function SessionId(): ParameterDecorator {
  return Param('id', new ParseUUIDPipe({ exceptionFactory: () => noSession() }));
}

/** Documents a route with such an `id`, and `none`: what it is if there is no such session. */
export function OfSession(none = 'There is no such session'): MethodDecorator {
  return applyDecorators(
    ApiParam({ name: 'id', format: 'uuid', example: SAMPLE_SESSION_ID }),
    failsWith(ApiErrorDto)(404, none, noSession()),
  );
}

/** That there is no session of an id. */
export function noSession(): ApiException {
  return new ApiException(404, { message: 'There is no such session', code: 'NOT_FOUND' });
}
