// Refreshes before anything is rendered, where both can be told, the browser and the render.
import type { Handle, RequestEvent } from '@sveltejs/kit';
import { refresh, Unavailable, verify } from '$lib/server/ratchet';
import { ACCESS, forwardedFor, keep, REFRESH } from '$lib/server/session';

/** A token that lasts for less is renewed: a render may take a while. In seconds. */
const SOON = 60;

export const handle: Handle = async ({ event, resolve }) => {
  await identify(event);
  const response = await resolve(event);
  // Not setHeaders, which a page that sets the same header could not do any more.
  if (event.cookies.get(REFRESH) !== undefined) response.headers.set('cache-control', 'private, no-store');
  const { askAgainIn } = event.locals;
  if (response.status === 503 && askAgainIn !== undefined)
    response.headers.set('retry-after', String(askAgainIn));
  return response;
};

/** Finds out who asks, for all that is rendered, loaded or done in this request. */
async function identify(event: RequestEvent): Promise<void> {
  const { cookies, locals } = event;
  const [accessToken, refreshToken] = [cookies.get(ACCESS), cookies.get(REFRESH)];
  if (refreshToken === undefined) return;

  try {
    locals.user = accessToken === undefined ? undefined : await verify(accessToken);
    if (locals.user && locals.user.exp - SOON > Date.now() / 1000) return;

    const tokens = await refresh(refreshToken, forwardedFor(event));
    if (!tokens) {
      // Signed out, but no cookie is cleared: by the time this answer arrives, the browser may hold those of a session that
      // began meanwhile, in another tab.
      locals.user = undefined;
      return;
    }
    keep(tokens, cookies);
    locals.user = await verify(tokens.accessToken);
    if (!locals.user)
      throw new Error('A new access token does not verify: are ISSUER and AUDIENCE those of the service?');
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // A token that soon expires is good enough while there is no other.
    if (!locals.user) locals.askAgainIn = error.retryAfter;
  }
}
