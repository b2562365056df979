import { applyDecorators, Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimiter } from '../auth/rate-limiter.js';
import type { Config, ServiceKey, ServiceRole } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { holdTo, networkOf } from './address-limit.guard.js';
import { ApiErrorDto } from './errors/api-error.dto.js';
import { ApiException } from './errors/api.exception.js';
import { bearerChallenge } from './errors/challenge.js';
import { failsWith } from './errors/fails-with.js';
import { recordOf } from './request-record.js';
import { ServiceKeys } from './service-keys.js';
import { missingRole, ROLES } from './service-role.js';

const KEY = Symbol('service key');
type Called = FastifyRequest & { [KEY]?: ServiceKey };

/**
 * Lets in who sends a service key as a bearer token (RFC 6750 section 2.1), if it has a role that the route is for. Wrong
 * ones are limited for each address. A right one always passes: else whoever shares an address with a login backend could
 * lock it out.
 */
@Injectable()
export class ServiceKeyGuard implements CanActivate {
  private readonly keys: ServiceKeys;

  constructor(
    @Inject(CONFIG) { serviceKeys }: Config,
    private readonly limiter: RateLimiter,
    private readonly reflector: Reflector,
  ) {
    this.keys = new ServiceKeys(serviceKeys);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Called>();
    const [scheme, secret] = (request.headers.authorization ?? '').split(' ', 2);
    if (scheme?.toLowerCase() !== 'bearer' || !secret) throw noKey();
    const key = this.keys.find(secret);
    if (!key) {
      const standing = await this.limiter.wrongServiceKey(networkOf(request));
      holdTo(standing, context.switchToHttp().getResponse<FastifyReply>(), 'service_key_limit');
      throw wrongKey();
    }
    request[KEY] = key;
    recordOf(request).serviceKey = key.name;
    const roles = this.reflector.getAllAndOverride(ROLES, [context.getHandler(), context.getClass()]);
    mustHaveRole(request, ...roles);
    return true;
  }
}

/** The name of the service key that a request was let in with. */
export function serviceKeyName(request: FastifyRequest): string {
  return (request as Called)[KEY]!.name;
}

/** Lets go on whose service key has one of `roles`. @throws ApiException 403, naming them */
export function mustHaveRole(request: FastifyRequest, ...roles: readonly ServiceRole[]): void {
  if (roles.some((role) => (request as Called)[KEY]!.roles.includes(role))) return;
  throw missingRole(roles);
}

/** Documents what every route behind the guard may fail with. */
export function ServiceKeyFailures(): ClassDecorator {
  const Fails = failsWith(ApiErrorDto);
  return applyDecorators(
    Fails(400, 'The request is not as described'),
    Fails(401, 'The service key is missing or wrong', noKey(), wrongKey()),
    Fails(429, 'Too many wrong service keys; see Retry-After'),
    Fails(503, 'The database does not answer; see Retry-After'),
  );
}

function noKey(): ApiException {
  return refused('Send a service key: Authorization: Bearer <key>');
}

function wrongKey(): ApiException {
  return refused('This is not a service key of this service', 'invalid_token');
}

function refused(message: string, error?: string): ApiException {
  const challenge = { 'www-authenticate': bearerChallenge(error) };
  return new ApiException(401, { message, code: 'INVALID_SERVICE_KEY' }, challenge);
}
