// The session as this app's own cookies hold it. They are for this app's host alone; the service never sees them.
import { decodeJwt } from 'jose';
import { cookies } from 'next/headers';
import { Unavailable, verify, type Claims, type Tokens } from './ratchet';

const secure = process.env.NODE_ENV === 'production';
// With __Host- no neighbour (blog.example.com beside app.example.com) can set them.
const prefix = secure ? '__Host-' : '';

export const ACCESS = `${prefix}access_token`;
export const REFRESH = `${prefix}refresh_token`;

// Lax, not Strict: who follows a link from a mail is signed in on the first page, too.
const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;
/** As SESSION_MAX_TTL. A cookie that outlives its session is refused, and does no harm. */
const LONGEST = 90 * 24 * 60 * 60;

/** Cookies to set for `tokens`: arguments for `set`. */
export function cookiesFor({ accessToken, refreshToken }: Tokens) {
  const { exp = 0, iat = 0 } = decodeJwt(accessToken);
  return [
    [ACCESS, accessToken, { ...attributes, maxAge: exp - iat }],
    [REFRESH, refreshToken, { ...attributes, maxAge: LONGEST }],
  ] as const;
}

/** Cookies that clear them: a __Host- cookie goes only with the attributes that it came with. */
export function noCookies() {
  const gone = { ...attributes, maxAge: 0 };
  return [
    [ACCESS, '', gone],
    [REFRESH, '', gone],
  ] as const;
}

/**
 * Who is signed in, for pages, actions and route handlers; undefined if nobody is. `proxy.ts` has seen to it that the token is
 * fresh, and this verifies it all the same: what renders must not rely on what ran before it.
 *
 * @throws Unavailable if somebody may be, but there was no token to be had
 */
export async function currentUser(): Promise<Claims | undefined> {
  const jar = await cookies();
  const accessToken = jar.get(ACCESS)?.value;
  const user = accessToken === undefined ? undefined : await verify(accessToken);
  if (!user && jar.has(REFRESH)) throw new Unavailable(1);
  return user;
}
