import { applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ServiceRole } from '../config/config.js';
import { ApiErrorDto } from './errors/api-error.dto.js';
import { ApiException } from './errors/api.exception.js';
import { bearerChallenge } from './errors/challenge.js';
import { failsWith } from './errors/fails-with.js';

/** The roles of which a service key needs one, as ForRole noted them. */
export const ROLES = Reflector.createDecorator<readonly ServiceRole[]>();

/** Says, and documents, which roles a route is for, or all routes of a controller: a service key needs one of them. */
export function ForRole(
  ...roles: readonly [ServiceRole, ...ServiceRole[]]
): MethodDecorator & ClassDecorator {
  const description = `The service key lacks the role ${roles.map((role) => `\`${role}\``).join(' or ')}`;
  return applyDecorators(ROLES(roles), failsWith(ApiErrorDto)(403, description, missingRole(roles)));
}

/** That a service key has none of `roles`. */
export function missingRole(roles: readonly ServiceRole[]): ApiException {
  const message = `The service key lacks the role ${roles.join(' or ')}`;
  const challenge = { 'www-authenticate': bearerChallenge('insufficient_scope') };
  return new ApiException(403, { message, code: 'MISSING_ROLE' }, challenge);
}
