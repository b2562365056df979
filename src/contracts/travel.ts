import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refreshed } from '../auth/auth.service.js';
import { accept, type Outcome } from '../core/refusal.js';
import { accountOf } from '../http/exchange.js';
import type { RefreshCookie } from '../http/refresh-cookie.js';

/** A refresh token as it came. It goes back the same way: a page that keeps it in a cookie must never get to see it. */
export interface Carried {
  readonly token: string | undefined;
  readonly by: 'body' | 'cookie';
}

/** The refresh token of a request: the body's if there is one, else the cookie's. Refuses: invalid_request. */
export function carriedToken(
  request: FastifyRequest,
  cookie: RefreshCookie,
  inBody: string | undefined,
): Outcome<Carried> {
  if (inBody) return accept({ token: inBody, by: 'body' });
  const inCookie = cookie.read(request);
  return inCookie.ok ? accept({ token: inCookie.value, by: 'cookie' }) : inCookie;
}

/** Sets the rotated refresh token's cookie, if a cookie brought the old one and this is no dry run. */
export function sendBackCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  cookie: RefreshCookie,
  { by }: Carried,
  refreshed: Refreshed,
): void {
  if (by !== 'cookie' || refreshed.dryRun) return;
  const { refreshToken, refreshTokenExpiresIn } = refreshed;
  reply.header('set-cookie', cookie.write(refreshToken, refreshTokenExpiresIn, cookie.mustBeSecure(request)));
}

/** Notes a success for the log, and marks a dry run's answer as one. */
export function noteRefreshed(
  request: FastifyRequest,
  reply: FastifyReply,
  { how, session, dryRun }: Refreshed,
): void {
  Object.assign(accountOf(request), { outcome: how, sessionId: session.id, ...(dryRun && { dryRun }) });
  if (dryRun) reply.header('dry-run', 'true');
}
