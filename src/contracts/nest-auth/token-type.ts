import type { FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Settings } from '../../config/settings.js';
import { RefreshCookie } from '../../http/refresh-cookie.js';

/** Where tokens travel: in bodies (as the access token will in a header), or in cookies alone. */
export type TokenType = 'header' | 'cookie';

/** NEST_AUTH_TOKEN_TYPE; undefined lets each request choose. */
export function readTokenType(settings: Settings): TokenType | undefined {
  const name = 'NEST_AUTH_TOKEN_TYPE';
  return settings.text(name) ? settings.choice(name, 'header', ['header', 'cookie'] as const) : undefined;
}

/** The header by which a frontend chooses, where the setting NEST_AUTH_TOKEN_TYPE has not. */
export const TOKEN_TYPE_HEADER = 'x-access-token-type';

/** The type of a request: as it was set, else as the request says. */
export function tokenTypeOf({ headers }: FastifyRequest, set: TokenType | undefined): TokenType {
  return set ?? (headers[TOKEN_TYPE_HEADER] === 'cookie' ? 'cookie' : 'header');
}

/** The access token's cookie. Not for this service but for the resources of the same host, wherever they are. */
export function accessCookieOf({ cookie }: Config): RefreshCookie {
  return new RefreshCookie('accessToken', '/', { ...cookie, path: '/' });
}
