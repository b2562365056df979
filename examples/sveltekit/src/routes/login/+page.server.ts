import { fail, redirect } from '@sveltejs/kit';
import { openSession, Unavailable } from '$lib/server/ratchet';
import { keep, maybeUserOf } from '$lib/server/session';
import type { Actions, PageServerLoad } from './$types';

/** Yours has password hashes here, passkeys, or an identity provider. */
const PEOPLE: Record<string, { password: string; name: string } | undefined> = {
  ada: { password: 'lovelace', name: 'Ada Lovelace' },
  grace: { password: 'hopper', name: 'Grace Hopper' },
};

export const load: PageServerLoad = (event) => {
  if (maybeUserOf(event)) redirect(303, '/dashboard');
};

// SvelteKit answers no form but this app's own (csrf): for that, adapter-node is told its ORIGIN.
export const actions: Actions = {
  default: async ({ request, cookies }) => {
    const form = await request.formData();
    const subject = String(form.get('name'));
    const person = Object.hasOwn(PEOPLE, subject) ? PEOPLE[subject] : undefined;
    if (!person || person.password !== form.get('password'))
      return fail(401, { said: 'Name or password is wrong.' });
    try {
      keep(await openSession(subject, { name: person.name }), cookies);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return fail(503, { said: 'Nobody can sign in just now. Please try again shortly.' });
    }
    redirect(303, '/dashboard');
  },
};
