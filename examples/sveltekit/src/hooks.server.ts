// Refreshes before anything is rendered, where both can be told, the browser and the render.
import type { Handle } from '@sveltejs/kit';
import { refresh, Unavailable, verify } from '$lib/server/ratchet';
import { ACCESS, forwardedFor, keep, REFRESH } from '$lib/server/session';

/** A token that lasts for less is renewed: a render may take a while. In seconds. */
const SOON = 60;

export const handle: Handle = async ({ event, resolve }) => {
  const { cookies, locals } = event;
  const [accessToken, refreshToken] = [cookies.get(ACCESS), cookies.get(REFRESH)];
  if (refreshToken === undefined) return resolve(event);

  try {
    locals.user = accessToken === undefined ? undefined : await verify(accessToken);
    if (locals.user && locals.user.exp - SOON > Date.now() / 1000) return await resolve(event);

    const tokens = await refresh(refreshToken, forwardedFor(event));
    // Who has no session any more is signed out, but no cookie is cleared: by the time this answer arrives, the browser may
    // hold those of a session that began meanwhile, in another tab.
    locals.user = tokens && (await verify(tokens.accessToken));
    if (tokens) {
      keep(tokens, cookies);
      event.setHeaders({ 'cache-control': 'private, no-store' });
    }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // A token that soon expires is good enough while there is no other.
    if (!locals.user) locals.askAgainIn = error.retryAfter;
  }
  return resolve(event);
};
