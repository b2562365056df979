import { isIP } from 'node:net';
import type { Config, CookieConfig } from './config.js';
import type { Settings } from './settings.js';
import { isPlainPath, parseUrl, splitOnce } from './text.js';

/** What a host of one's own machine is called in a browser, where 127.0.0.1 and localhost are two sites. */
const HERE = new Set(['127.0.0.1', '::1', '0.0.0.0', '::']);

/** The URL of a service that listens at `host`, as whoever tries it on this machine writes it. */
export function urlOf(host: string, port: number): string {
  const bracketed = isIP(host) === 6 ? `[${host}]` : host;
  return `http://${HERE.has(host) ? 'localhost' : bracketed}:${port}`;
}

/** ISSUER as it is written, which production must set, to an https URL. */
export function readIssuer(settings: Settings, production: boolean, otherwise: string): string {
  const issuer = settings.text('ISSUER') ?? otherwise;
  if (production && !settings.text('ISSUER'))
    return settings.mistake(
      'ISSUER',
      'is not set; it is the URL that access tokens name as their issuer',
      issuer,
    );
  const path = /^https?:\/\/[^\s\\/?#@]+((?:\/[^\s\\?#]*)?)$/i.exec(issuer)?.[1];
  if (path === undefined || !parseUrl(issuer))
    return settings.mistake(
      'ISSUER',
      `"${issuer.replace(/\/\/.*@/, '//…@')}" is not an http(s) URL without user, query and fragment`,
      issuer,
    );
  // It becomes part of a route: where clients look for the metadata.
  if (path !== '/' && path !== '' && !isPlainPath(path.replace(/\/$/, '')))
    return settings.mistake('ISSUER', `"${issuer}" has a path that is not like /tenant`, issuer);
  if (production && !isHttps(issuer))
    return settings.mistake(
      'ISSUER',
      `"${issuer}" is not https, as it must be in production; set it to the URL by which clients reach the service, such as https://auth.example.com`,
      issuer,
    );
  return issuer;
}

/** AUDIENCE, which production must set: a token that is for nobody in particular is good everywhere. */
export function readAudience(settings: Settings, production: boolean, otherwise: string): string {
  const audience = settings.text('AUDIENCE');
  if (audience || !production) return audience ?? otherwise;
  return settings.mistake(
    'AUDIENCE',
    'is not set; it is what access tokens are for unless their session says otherwise, and what APIs check: such as https://api.example.com',
    otherwise,
  );
}

function isHttps(url: string): boolean {
  return parseUrl(url)?.protocol === 'https:';
}

/** A list of origins. */
export function readOrigins(settings: Settings, name: string): string[] {
  return settings.list(name, (item) => {
    const origin = parseUrl(item)?.origin;
    // An origin is compared as browsers write it, so a path, a wildcard or a capital letter would never match.
    if (origin === item && origin !== 'null' && !item.includes('*')) return { value: item };
    return { mistake: `"${item}" is not an origin; write it as https://app.example.com, without a path` };
  });
}

/** The settings that begin with COOKIE_, for a service that clients reach as `issuer`. */
export function readCookie(settings: Settings, issuer: string): CookieConfig {
  const prefix = settings.choice('COOKIE_PREFIX', '', ['', '__Host-', '__Secure-'] as const);
  const name = settings.text('COOKIE_NAME');
  const path = settings.text('COOKIE_PATH');
  const domain = settings.text('COOKIE_DOMAIN');
  const sameSite = settings.choice('COOKIE_SAMESITE', 'Strict', ['Strict', 'Lax', 'None'] as const);
  const partitioned = settings.choice('COOKIE_PARTITIONED', 'off', ['on', 'off'] as const) === 'on';
  if (prefix === '__Host-' && domain)
    settings.mistake(
      'COOKIE_DOMAIN',
      'cannot be set with COOKIE_PREFIX=__Host-, which ties the cookie to one host',
      undefined,
    );
  if (domain && !/^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(domain))
    settings.mistake('COOKIE_DOMAIN', `"${domain}" is not a domain`, undefined);
  if (name && !/^(?!__)[A-Za-z0-9_.-]{1,64}$/.test(name))
    settings.mistake(
      'COOKIE_NAME',
      `"${name}" is not 1 to 64 of A-Z a-z 0-9 _ . -; what it begins with beyond that, COOKIE_PREFIX says`,
      undefined,
    );
  if (path && path !== '/' && !isPlainPath(path))
    settings.mistake('COOKIE_PATH', `"${path}" is not / or a path such as /auth`, undefined);
  if (prefix === '__Host-' && path && path !== '/')
    settings.mistake('COOKIE_PATH', 'can only be / with COOKIE_PREFIX=__Host-', undefined);
  // Browsers want it of a prefix, of None and of Partitioned. As for an https issuer: behind a proxy or for a login
  // backend beside the service, requests for all the world come over plain HTTP and name this machine as their host.
  const alwaysSecure = isHttps(issuer) || prefix !== '' || sameSite === 'None' || partitioned;
  return {
    prefix,
    sameSite,
    partitioned,
    alwaysSecure,
    ...(name && { name }),
    ...(path && { path }),
    ...(domain && { domain: domain.replace(/^\./, '').toLowerCase() }),
  };
}

/** TRUST_PROXY. */
export function readTrustProxy(settings: Settings): Config['trustProxy'] {
  const text = settings.text('TRUST_PROXY');
  if (!text || text === 'false' || text === 'off') return false;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const networks = settings.list('TRUST_PROXY', (item) => {
    const [address, bits] = splitOnce(item, '/');
    const named = ['loopback', 'linklocal', 'uniquelocal'].includes(item);
    const version = isIP(address);
    const fits =
      version !== 0 &&
      (!item.includes('/') || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)));
    if (named || fits) return { value: item };
    return {
      mistake: `"${item}" is not a number of hops, an address, a network such as 10.0.0.0/8, or loopback, linklocal, uniquelocal`,
    };
  });
  return networks;
}
