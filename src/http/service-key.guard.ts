import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { accountOf } from './exchange.js';
import { ServiceError } from './service-error.js';

const NAME = Symbol('service key name');
type Called = FastifyRequest & { [NAME]?: string };

/** Lets in who sends a service key as a bearer token (RFC 6750 section 2.1). */
@Injectable()
export class ServiceKeyGuard implements CanActivate {
  private readonly keys: readonly { name: string; digest: Buffer }[];

  constructor(@Inject(CONFIG) { serviceKeys }: Config) {
    this.keys = serviceKeys.map(({ name, secret }) => ({ name, digest: digest(secret) }));
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Called>();
    const [scheme, secret] = (request.headers.authorization ?? '').split(' ', 2);
    if (scheme?.toLowerCase() !== 'bearer' || !secret)
      throw refused('Send a service key: Authorization: Bearer <key>');
    const given = digest(secret);
    // Every key is compared, and as a digest: neither which one is near nor how near it is shows in the time.
    const matches = this.keys.filter((key) => timingSafeEqual(key.digest, given));
    if (!matches[0]) throw refused('This is not a service key of this service', 'invalid_token');
    request[NAME] = matches[0].name;
    Object.assign(accountOf(request), { serviceKey: matches[0].name });
    return true;
  }
}

/** The name of the service key that a request was let in with. */
export function serviceKeyName(request: FastifyRequest): string {
  return (request as Called)[NAME]!;
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function refused(message: string, error?: string): ServiceError {
  const challenge = error ? `Bearer error="${error}"` : 'Bearer';
  return new ServiceError(401, { message, code: 'INVALID_SERVICE_KEY' }, { 'www-authenticate': challenge });
}
