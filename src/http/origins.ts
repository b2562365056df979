import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import type { RefreshCookie } from './refresh-cookie.js';

/**
 * Which pages may call. With the cookie: those of this very origin and of ALLOWED_ORIGINS. Without it, for dry runs
 * alone: those of PLAYGROUND_ORIGINS. An origin is compared, never reflected by a pattern.
 */
export function guardOrigins(
  app: NestFastifyApplication,
  config: Config,
  cookies: readonly RefreshCookie[],
): void {
  const delegate = (
    request: FastifyRequest,
    callback: (error: Error | null, options: object) => void,
  ): void => callback(null, corsFor(request, config));
  // The adapter takes a delegate; its type does not say so.
  app.enableCors(delegate as never);
  app.enableCsrfProtection({
    trustedOrigins: [...config.allowedOrigins],
    // A request without the cookie does nothing in its user's name that its sender could not do alone.
    exclude: (request: FastifyRequest) => !cookies.some((cookie) => cookie.mayBeIn(request)),
  });
}

function corsFor(request: FastifyRequest, config: Config): object {
  const { origin } = request.headers;
  const common = { methods: ['GET', 'POST'], allowedHeaders: ['content-type', 'authorization'], maxAge: 600 };
  const exposedHeaders = ['dry-run', 'retry-after', 'x-request-id'];
  if (origin !== undefined && config.allowedOrigins.includes(origin)) {
    return { ...common, exposedHeaders, origin: [origin], credentials: true };
  }
  if (origin !== undefined && config.playgroundOrigins.includes(origin) && isDryRun(request)) {
    return { ...common, exposedHeaders, origin: [origin], credentials: false };
  }
  return { origin: false };
}

function isDryRun(request: FastifyRequest): boolean {
  const query = new URLSearchParams(request.url.split('?', 2)[1]);
  return query.getAll('dryRun').join() === 'true';
}
