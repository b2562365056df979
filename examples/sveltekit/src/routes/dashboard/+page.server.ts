import { fail, redirect } from '@sveltejs/kit';
import { ARRIVALS } from '$lib/server/arrivals';
import { endSession, Unavailable } from '$lib/server/ratchet';
import { forget, forwardedFor, REFRESH, userOf } from '$lib/server/session';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = (event) => {
  // Pages load beside their layout, not after it: each asks for itself.
  userOf(event);
  return { arrivals: ARRIVALS };
};

export const actions: Actions = {
  signOut: async (event) => {
    const refreshToken = event.cookies.get(REFRESH);
    try {
      if (refreshToken) await endSession(refreshToken, forwardedFor(event));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return fail(503, { said: 'You could not be signed out just now. Please try again.' });
    }
    forget(event.cookies);
    redirect(303, '/login?signed-out');
  },
};
