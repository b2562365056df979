import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { parseUrl } from '../config/text.js';
import type { Flaw, RefusalDetail } from '../core/refusal.js';
import { RefusalException } from './errors/http-refusal.js';
import type { RefreshCookie } from './refresh-cookie.js';
import { pathOf } from './mounted-apis.js';
import { recordOf } from './request-record.js';

/** Its own, and what frontends' libraries send whatever they call (axios, jQuery, W3C Trace Context). */
const OWN_HEADERS = [
  ...['content-type', 'authorization', 'x-request-id', 'x-requested-with'],
  ...['traceparent', 'tracestate'],
];
const COMMON = {
  methods: ['GET', 'POST', 'DELETE'],
  exposedHeaders: [
    ...['dry-run', 'dpop-nonce', 'retry-after', 'www-authenticate', 'x-request-id'],
    ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
  ],
  maxAge: 600,
};

const FOR_ALL = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
/** Nobody but who looks for the reason sees it: a browser gives no page the answer of a preflight. */
const NOT_LISTED: Flaw = {
  in: 'header',
  name: 'origin',
  message: 'is not in ALLOWED_ORIGINS, nor for a dry run in PLAYGROUND_ORIGINS',
};
/** What a client writes is its own to make long. */
const MAX_ORIGIN_CHARS = 200;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What the contracts' frontends send. */
export interface Frontends {
  /** The refresh cookies. */
  readonly cookies: readonly RefreshCookie[];
  /** Headers beside OWN_HEADERS. */
  readonly headers: readonly string[];
  /** The paths that know `dryRun`. */
  readonly dryRunPaths: readonly string[];
}

/**
 * Which pages may call. With the cookie: those of this very origin and of ALLOWED_ORIGINS. Without it, for dry runs
 * alone: those of PLAYGROUND_ORIGINS. An origin is compared, never reflected by a pattern. Public documents are for all,
 * without credentials.
 */
export function guardOrigins(app: NestFastifyApplication, config: Config, frontends: Frontends): void {
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', (request, reply, done) => {
    if (isPublic(request)) reply.headers(FOR_ALL);
    done();
  });
  const delegate = (
    request: FastifyRequest,
    callback: (error: Error | null, options: object) => void,
  ): void => callback(null, corsFor(request, config, frontends));
  // The adapter takes a delegate; its type does not say so. Where no page of elsewhere is let in, none need be asked.
  if (config.allowedOrigins.length + config.playgroundOrigins.length > 0) app.enableCors(delegate as never);
  server.addHook('onRequest', (request, _reply, done) => {
    const detail = ruleAgainst(request, config, frontends);
    if (!detail) {
      done();
      return;
    }
    recordOf(request).origin = request.headers.origin?.slice(0, MAX_ORIGIN_CHARS);
    const flaws = detail === 'preflight' && { flaws: [NOT_LISTED] };
    done(new RefusalException({ reason: 'origin_not_allowed', detail, ...flaws }));
  });
}

/**
 * Which rule turns a request away that may carry a cookie: as Go's net/http.CrossOriginProtection, but that a browser
 * which sends no Sec-Fetch-Site must name the scheme and the port as well. (Nest's own compares the host alone, so a
 * page that somebody put there over plain HTTP would count as one's own.)
 */
function ruleAgainst(
  request: FastifyRequest,
  { allowedOrigins }: Config,
  { cookies }: Frontends,
): RefusalDetail | undefined {
  // A preflight that is granted has been answered by now.
  if (isPreflight(request)) return isPublic(request) ? undefined : 'preflight';
  if (SAFE_METHODS.has(request.method)) return undefined;
  // Without the cookie it does nothing in its user's name that its sender could not do alone.
  const cookie = cookies.find((candidate) => candidate.isIn(request));
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (!cookie || (origin !== undefined && allowedOrigins.includes(origin))) return undefined;
  // Where a browser sends it, it alone decides.
  if (site) return site === 'same-origin' || site === 'none' ? undefined : 'sec_fetch_site';
  if (!origin) return undefined;
  // Behind a proxy nobody may tell the scheme; but a Secure cookie comes over HTTPS only.
  const own = parseUrl(`${cookie.mustBeSecure(request) ? 'https' : 'http'}://${request.host}`)?.origin;
  return own !== undefined && parseUrl(origin)?.origin === own ? undefined : 'origin_header';
}

/** What anyone may read from anywhere: metadata, the keys, and the OpenAPI documents. */
function isPublic({ method, url }: FastifyRequest): boolean {
  return SAFE_METHODS.has(method) && /^\/(\.well-known\/|docs\/[^/?]+\.json(\?|$))/.test(url);
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && Boolean(headers.origin && headers['access-control-request-method']);
}

function corsFor(request: FastifyRequest, config: Config, { headers, dryRunPaths }: Frontends): object {
  const { origin } = request.headers;
  if (isPublic(request)) return { origin: false };
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
