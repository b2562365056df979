import { isIP } from 'node:net';
import type { Config, CookieConfig } from './config.js';
import type { Settings } from './settings.js';
import { parseUrl, splitOnce } from './text.js';

/** ISSUER, which production must set. */
export function readIssuer(settings: Settings, production: boolean, otherwise: string): string {
  const issuer = settings.text('ISSUER');
  if (!issuer) {
    if (production)
      settings.mistake(
        'ISSUER',
        'is not set; it is the URL that access tokens name as their issuer',
        undefined,
      );
    return otherwise;
  }
  const url = parseUrl(issuer);
  const fits = url && /^https?:$/.test(url.protocol) && !url.search && !url.hash;
  return fits
    ? issuer
    : settings.mistake('ISSUER', `"${issuer}" is not an http(s) URL without query and fragment`, otherwise);
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

/** COOKIE_PREFIX, COOKIE_DOMAIN and COOKIE_SAMESITE. */
export function readCookie(settings: Settings): CookieConfig {
  const prefix = settings.choice('COOKIE_PREFIX', '', ['', '__Host-', '__Secure-'] as const);
  const domain = settings.text('COOKIE_DOMAIN');
  const sameSite = settings.choice('COOKIE_SAMESITE', 'Strict', ['Strict', 'Lax', 'None'] as const);
  if (prefix === '__Host-' && domain)
    settings.mistake(
      'COOKIE_DOMAIN',
      'cannot be set with COOKIE_PREFIX=__Host-, which ties the cookie to one host',
      undefined,
    );
  if (domain && !/^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(domain))
    settings.mistake('COOKIE_DOMAIN', `"${domain}" is not a domain`, undefined);
  return { prefix, sameSite, ...(domain && { domain }) };
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
