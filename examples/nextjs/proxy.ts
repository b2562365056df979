// Refreshes before anything is rendered: a page cannot set cookies, and here both can be told, the browser and the page.
import { NextResponse, type NextRequest } from 'next/server';
import { refresh, Unavailable, verify, type Claims } from './lib/ratchet';
import { ACCESS, cookiesFor, REFRESH } from './lib/session';

/** A token that lasts for less is renewed: a render may take a while. In seconds. */
const SOON = 60;

export async function proxy(request: NextRequest) {
  const refreshToken = request.cookies.get(REFRESH)?.value;
  const accessToken = request.cookies.get(ACCESS)?.value;
  if (refreshToken === undefined) return NextResponse.next();

  let claims: Claims | undefined;
  try {
    claims = accessToken === undefined ? undefined : await verify(accessToken);
    if (claims && claims.exp - SOON > Date.now() / 1000) return NextResponse.next();

    const tokens = await refresh(refreshToken, request.headers.get('x-forwarded-for'));
    if (!tokens) return withoutSession(request);
    const renewed = cookiesFor(tokens);
    // For the render of this very request,
    for (const [name, value] of renewed) request.cookies.set(name, value);
    const response = NextResponse.next({ request: { headers: request.headers } });
    // and for the browser.
    for (const cookie of renewed) response.cookies.set(...cookie);
    response.headers.set('cache-control', 'private, no-store');
    return response;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return claims ? NextResponse.next() : notNow(request, error);
  }
}

/**
 * Renders as for somebody who is signed out. Clears no cookie: by the time this answer arrives, the browser may hold those of
 * a session that began meanwhile, in another tab.
 */
function withoutSession(request: NextRequest) {
  request.cookies.delete([ACCESS, REFRESH]);
  return NextResponse.next({ request: { headers: request.headers } });
}

/** Keeps the cookies, and says that it will be tried again, at the URL that was asked for. */
function notNow(request: NextRequest, { retryAfter, message }: Unavailable) {
  const how = { status: 503, headers: { 'retry-after': String(retryAfter), 'cache-control': 'no-store' } };
  if (request.nextUrl.pathname.startsWith('/api/')) return NextResponse.json({ message }, how);
  // An action answers for itself: in the page that called it.
  if (request.method === 'POST') return NextResponse.next();
  return NextResponse.rewrite(new URL(`/unavailable?again=${retryAfter}`, request.url), how);
}

// What is rendered for somebody, prefetches too. No static page: a cache would keep its answer, and the cookies in it.
export const config = { matcher: ['/dashboard/:path*', '/login', '/api/:path*'] };
