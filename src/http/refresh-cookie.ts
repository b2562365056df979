import { isIP } from 'node:net';
import cookieParser from 'cookie-parser';
import type { FastifyRequest } from 'fastify';
import type { CookieConfig } from '../config/config.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';

const parse = cookieParser(undefined, { decode: (text) => text });
const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);
/** What every browser keeps of a cookie, in bytes of name, value and attributes (RFC 6265 section 6.1). */
const MOST_BYTES = 4096;
/** A browser holds one for each domain that this host is in, at the most; what sends more is none. */
const MOST_TWINS = 8;

/** A contract's refresh cookie: how it is named, where it is sent, how it is written and read. */
export class RefreshCookie {
  /** The name with the configured prefix. */
  readonly name: string;
  /** Where it is sent, and where twins of it may be. */
  private readonly paths: readonly string[];
  private readonly attributes: string;

  /** @param path where it is sent unless COOKIE_PATH says otherwise */
  constructor(
    name: string,
    path: string,
    private readonly config: CookieConfig,
  ) {
    this.name = config.prefix + name;
    // A __Host- cookie is one only with Path=/ (RFC 6265bis section 4.1.3.2).
    const sentAt = config.prefix === '__Host-' ? '/' : (config.path ?? path);
    // From before COOKIE_PATH was set, or from a server that renders pages and passes it on.
    this.paths = config.prefix === '__Host-' ? [sentAt] : [...new Set([sentAt, '/', path])];
    this.attributes = this.attributesAt(sentAt, config.domain, config.partitioned);
  }

  /**
   * A cookie of the system whose place this service has taken, to be read and cleared. It may be anywhere that this service's own may
   * be, and at `path`.
   */
  static legacy(
    fullName: string,
    path: string,
    { domain, partitioned, sameSite, ...config }: CookieConfig,
  ): RefreshCookie {
    const prefix = (['__Host-', '__Secure-'] as const).find((each) => fullName.startsWith(each)) ?? '';
    return new RefreshCookie(fullName.slice(prefix.length), path, {
      prefix,
      ...{ sameSite, partitioned },
      alwaysSecure: config.alwaysSecure || prefix !== '',
      ...(domain !== undefined && prefix !== '__Host-' && { domain }),
    });
  }

  /** A Set-Cookie value that hands `token` over for `maxAge` seconds; `secure` as mustBeSecure says. */
  write(token: string, maxAge: number, secure = true): string {
    return `${this.name}=${token}; Max-Age=${maxAge}${this.attributes}${secure ? '; Secure' : ''}`;
  }

  /** Whether a browser keeps it with `token` for a value. */
  canHold(token: string): boolean {
    return this.write(token, 999_999_999).length <= MOST_BYTES;
  }

  /**
   * Set-Cookie values that clear its twins: what a browser may hold under the same name beside it, from before
   * COOKIE_DOMAIN, COOKIE_PATH or COOKIE_PARTITIONED was changed, or from a neighbour. To be sent ahead of it: a browser that does
   * not know Partitioned takes one of them for the cookie itself.
   */
  clearTwins(request: FastifyRequest, secure = true): string[] {
    const domains = this.config.prefix === '__Host-' ? [] : domainsOf(request.hostname);
    return [undefined, ...domains]
      .flatMap((domain) => this.paths.map((path) => [path, domain] as const))
      .flatMap(([path, domain]) => [true, false].map((how) => this.attributesAt(path, domain, how)))
      .filter((attributes) => attributes !== this.attributes)
      .map((attributes) => `${this.name}=; Max-Age=0${attributes}${secure ? '; Secure' : ''}`);
  }

  /** Whether the answer's cookie must be Secure: unless alwaysSecure, not over plain HTTP at this very machine. */
  mustBeSecure(request: FastifyRequest): boolean {
    return this.config.alwaysSecure || request.protocol !== 'http' || !LOCAL_HOSTS.has(request.hostname);
  }

  /**
   * The cookie's values as they came: none if it did not or is empty, several where it has twins. Refuses
   * invalid_request if there are more than any browser holds.
   */
  read(request: FastifyRequest): Outcome<readonly string[]> {
    const header = request.headers.cookie;
    if (header === undefined) return accept([]);
    const own = this.pairsIn(header);
    if (own.length === 1) return accept([valueOf(own[0]!)].filter(Boolean));
    const values = new Set(own.map(valueOf).filter(Boolean));
    if (values.size <= MOST_TWINS) return accept([...values]);
    const message = `the cookie ${this.name} was sent ${values.size} times`;
    return refuse('invalid_request', { flaws: [{ in: 'cookie', name: this.name, message }] });
  }

  /** Set-Cookie values that clear it, and its twins. */
  clear(request: FastifyRequest): string[] {
    const secure = this.mustBeSecure(request);
    return [...this.clearTwins(request, secure), this.write('', 0, secure)];
  }

  /** Whether the request carries it, be it empty. */
  isIn({ headers: { cookie } }: FastifyRequest): boolean {
    return cookie !== undefined && this.pairsIn(cookie).length > 0;
  }

  private pairsIn(header: string): string[] {
    // Most that come are others'.
    if (!header.includes(this.name)) return [];
    return header.split(';').filter((pair) => pair.split('=', 1)[0]!.trim() === this.name);
  }

  private attributesAt(path: string, domain: string | undefined, partitioned: boolean): string {
    const where = domain === undefined ? '' : `; Domain=${domain}`;
    const how = `HttpOnly; SameSite=${this.config.sameSite}${partitioned ? '; Partitioned' : ''}`;
    return `; Path=${path}${where}; ${how}`;
  }
}

/**
 * The value of one cookie, spelt as it was set: what cookie-parser would read otherwise, such as quotes or the JSON of
 * `j:"..."`, stands for itself, and is no token. The others are nobody's here, and thousands fit into a header.
 */
function valueOf(pair: string): string {
  const request: { headers: object; cookies?: Record<string, unknown> } = { headers: { cookie: pair } };
  parse(request as never, undefined as never, () => undefined);
  const asSent = pair.slice(pair.indexOf('=') + 1).trim();
  const [read] = Object.values(request.cookies ?? {});
  return read === asSent ? read : asSent;
}

/** The domains that a host's cookies may be of: its own, and those above it that have a dot. */
function domainsOf(host: string): string[] {
  if (isIP(host) !== 0 || !/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(host)) return [];
  const labels = host.toLowerCase().split('.').slice(-MOST_TWINS);
  return labels.slice(0, -1).map((_, at) => labels.slice(at).join('.'));
}
