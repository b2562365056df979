import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refreshed } from '../../auth/auth.service.js';
import type { Config } from '../../config/config.js';
import { accept, type Outcome } from '../../core/refusal.js';
import { RefreshCookie } from '../../http/refresh-cookie.js';
import type { Mount } from '../contract.js';
import { carriedToken, sendBackCookie } from '../travel.js';

/** Where tokens travel: in bodies (as the access token will in a header), or in cookies alone. */
export type TokenType = NonNullable<Config['nestAuthTokenType']>;

/** The header by which a frontend chooses, where the setting NEST_AUTH_TOKEN_TYPE has not. */
export const TOKEN_TYPE_HEADER = 'x-access-token-type';

/** The type of a request. */
export function tokenTypeOf({ headers }: FastifyRequest, { nestAuthTokenType }: Config): TokenType {
  return nestAuthTokenType ?? (headers[TOKEN_TYPE_HEADER] === 'cookie' ? 'cookie' : 'header');
}

/**
 * The refresh token of a request. Refuses: invalid_request.
 *
 * In header mode the cookie is not read: its token would be answered in the body, for a script in the page to see.
 */
export function refreshTokenOf(
  request: FastifyRequest,
  mount: Mount,
  type: TokenType,
  inBody: string | undefined,
): Outcome<string | undefined> {
  if (type === 'header') return accept(inBody);
  const carried = carriedToken(request, mount.cookie!, inBody);
  return carried.ok ? accept(carried.value.token) : carried;
}

/** Sets both tokens' cookies, wherever the old token came from, unless this is a dry run. */
export function setTokenCookies(
  request: FastifyRequest,
  reply: FastifyReply,
  { cookie, config }: Mount,
  refreshed: Refreshed,
): void {
  if (refreshed.dryRun) return;
  const { accessToken, expiresIn, refreshToken } = refreshed;
  sendBackCookie(request, reply, cookie!, { token: refreshToken, by: 'cookie' }, refreshed);
  // Not for this service but for the resources of the same host, wherever they are.
  const accessCookie = new RefreshCookie('accessToken', '/', config.cookie);
  reply.header('set-cookie', accessCookie.write(accessToken, expiresIn, accessCookie.mustBeSecure(request)));
}
