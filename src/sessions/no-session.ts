import { ApiException } from '../http/errors/api.exception.js';

/** That there is no session of an id. */
export function noSession(): ApiException {
  return new ApiException(404, { message: 'There is no such session', code: 'NOT_FOUND' });
}
