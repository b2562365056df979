import type { FastifyRequest } from 'fastify';
import type { CookieConfig } from '../config/config.js';
import { accept, refuse, type Flaw, type Outcome } from '../core/refusal.js';

const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

/** A contract's refresh cookie: how it is named, where it is sent, how it is written and read. */
export class RefreshCookie {
  /** The name with the configured prefix. */
  readonly name: string;
  private readonly attributes: string;

  constructor(
    name: string,
    path: string,
    private readonly config: CookieConfig,
  ) {
    this.name = config.prefix + name;
    // A __Host- cookie is one only with Path=/ (RFC 6265bis section 4.1.3.2).
    const where = config.prefix === '__Host-' ? '/' : path;
    const domain = config.domain ? `; Domain=${config.domain}` : '';
    this.attributes = `; Path=${where}${domain}; HttpOnly; SameSite=${config.sameSite}`;
  }

  /** A Set-Cookie value that hands `token` over for `maxAge` seconds; `secure` as mustBeSecure says. */
  write(token: string, maxAge: number, secure = true): string {
    return `${this.name}=${token}; Max-Age=${maxAge}${this.attributes}${secure ? '; Secure' : ''}`;
  }

  /** A Set-Cookie value that clears it. */
  clear(secure = true): string {
    return this.write('', 0, secure);
  }

  /** Whether the answer's cookie must be Secure: always, but on plain HTTP at this very machine. */
  mustBeSecure(request: FastifyRequest): boolean {
    const local = request.protocol === 'http' && LOCAL_HOSTS.has(request.hostname);
    return !local || this.config.prefix !== '' || this.config.sameSite === 'None';
  }

  /**
   * The cookie's value as it came, undefined if it did not. Refuses invalid_request if it came twice: a cookie of a
   * parent domain or a longer path can be tossed in beside the real one, and which of them is meant is anyone's guess.
   */
  read(request: FastifyRequest): Outcome<string | undefined> {
    const header = request.headers.cookie;
    if (header === undefined) return accept(undefined);
    const times = header.split(';').filter((pair) => pair.split('=', 1)[0]!.trim() === this.name).length;
    if (times > 1) return refuse('invalid_request', { flaws: [this.flaw(`was sent ${times} times`)] });
    const value = (request.raw as { cookies?: Record<string, unknown> }).cookies?.[this.name];
    if (value === undefined) return accept(undefined);
    // cookie-parser reads a value that starts with `j:` as JSON.
    if (typeof value !== 'string')
      return refuse('invalid_request', { flaws: [this.flaw('is not a string')] });
    return accept(value);
  }

  private flaw(what: string): Flaw {
    return { in: 'cookie', name: this.name, message: `the cookie ${this.name} ${what}` };
  }

  /** Whether the request may carry it. */
  mayBeIn(request: FastifyRequest): boolean {
    return request.headers.cookie?.includes(this.name) ?? false;
  }
}
