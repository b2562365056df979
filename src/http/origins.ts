import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import type { RefreshCookie } from './refresh-cookie.js';
import { pathOf } from './voices.js';

const OWN_HEADERS = ['content-type', 'authorization', 'x-request-id'];
const COMMON = {
  methods: ['GET', 'POST'],
  exposedHeaders: ['dry-run', 'dpop-nonce', 'retry-after', 'x-request-id'],
  maxAge: 600,
};

/** What the contracts' frontends send. */
export interface Frontends {
  /** The refresh cookies. */
  readonly cookies: readonly RefreshCookie[];
  /** Headers beside content-type, authorization and x-request-id. */
  readonly headers: readonly string[];
  /** The paths that know `dryRun`. */
  readonly dryRunPaths: readonly string[];
}

/**
 * Which pages may call. With the cookie: those of this very origin and of ALLOWED_ORIGINS. Without it, for dry runs
 * alone: those of PLAYGROUND_ORIGINS. An origin is compared, never reflected by a pattern.
 */
export function guardOrigins(app: NestFastifyApplication, config: Config, frontends: Frontends): void {
  const delegate = (
    request: FastifyRequest,
    callback: (error: Error | null, options: object) => void,
  ): void => callback(null, corsFor(request, config, frontends));
  // The adapter takes a delegate; its type does not say so. Where no page of elsewhere is let in, none need be asked.
  if (config.allowedOrigins.length + config.playgroundOrigins.length > 0) app.enableCors(delegate as never);
  app.enableCsrfProtection({
    trustedOrigins: [...config.allowedOrigins],
    // A request without the cookie does nothing in its user's name that its sender could not do alone.
    exclude: (request: FastifyRequest) => !frontends.cookies.some((cookie) => cookie.mayBeIn(request)),
  });
}

function corsFor(request: FastifyRequest, config: Config, { headers, dryRunPaths }: Frontends): object {
  const { origin } = request.headers;
  if (origin !== undefined && config.allowedOrigins.includes(origin)) {
    return { ...COMMON, origin: [origin], credentials: true, allowedHeaders: [...OWN_HEADERS, ...headers] };
  }
  if (origin !== undefined && config.playgroundOrigins.includes(origin) && isDryRun(request, dryRunPaths)) {
    return { ...COMMON, origin: [origin], credentials: false, allowedHeaders: ['content-type'] };
  }
  return { origin: false };
}

// Only where a dry run is known: elsewhere `dryRun=true` would be a word that nobody heeds.
function isDryRun({ url }: FastifyRequest, dryRunPaths: readonly string[]): boolean {
  const query = new URLSearchParams(url.split('?', 2)[1]);
  return dryRunPaths.includes(pathOf(url)) && query.getAll('dryRun').join() === 'true';
}
