// The session as this app's own cookies hold it. They are for this app's host alone; the service never sees them.
import { dev } from '$app/environment';
import { error, redirect, type Cookies, type RequestEvent } from '@sveltejs/kit';
import { decodeJwt } from 'jose';
import type { Claims, Tokens } from './ratchet';

// With __Host- no neighbour (blog.example.com beside app.example.com) can set them.
const prefix = dev ? '' : '__Host-';

export const ACCESS = `${prefix}access_token`;
export const REFRESH = `${prefix}refresh_token`;

// Lax, not Strict: who follows a link from a mail is signed in on the first page, too.
const attributes = { httpOnly: true, secure: !dev, sameSite: 'lax', path: '/' } as const;
/** As SESSION_MAX_TTL. A cookie that outlives its session is refused, and does no harm. */
const LONGEST = 90 * 24 * 60 * 60;

/** Has the browser keep `tokens`, and what runs after this in the same request see them. */
export function keep({ accessToken, refreshToken }: Tokens, cookies: Cookies): void {
  const { exp = 0, iat = 0 } = decodeJwt(accessToken);
  cookies.set(ACCESS, accessToken, { ...attributes, maxAge: exp - iat });
  cookies.set(REFRESH, refreshToken, { ...attributes, maxAge: LONGEST });
}

/** Has the browser forget them: a __Host- cookie goes only with the attributes that it came with. */
export function forget(cookies: Cookies): void {
  for (const name of [ACCESS, REFRESH]) cookies.delete(name, attributes);
}

/**
 * Who is signed in, for what is rendered for somebody; who is not comes to the sign-in page.
 *
 * @throws a 503 if that cannot be said just now: whoever asks stays signed in
 */
export function userOf(event: RequestEvent): Claims {
  return maybeUserOf(event) ?? redirect(303, '/login');
}

/** The same, for pages that anybody sees; undefined if nobody is signed in. */
export function maybeUserOf({ locals: { user, askAgainIn } }: RequestEvent): Claims | undefined {
  if (askAgainIn === undefined) return user;
  error(503, { message: 'The sign-in service does not answer just now.', askAgainIn });
}

/** On whose behalf this server asks: what came as X-Forwarded-For, and who brought it. The service believes no more of it than it trusts. */
export function forwardedFor(event: RequestEvent): string {
  const came = event.request.headers.get('x-forwarded-for');
  return [came, event.getClientAddress()].filter(Boolean).join(', ');
}
