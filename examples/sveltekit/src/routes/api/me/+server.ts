import { error, json } from '@sveltejs/kit';
import { maybeUserOf } from '$lib/server/session';
import type { RequestHandler } from './$types';

/** For scripts in the page: they call this app, and never see a token. */
export const GET: RequestHandler = (event) => {
  const user = maybeUserOf(event) ?? error(401, 'Sign in, please.');
  return json({ name: user.name, sid: user.sid });
};
