import { error } from '@sveltejs/kit';
import { ARRIVALS } from '$lib/server/arrivals';
import { userOf } from '$lib/server/session';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = (event) => {
  userOf(event);
  const arrival = ARRIVALS.find(({ berth }) => berth === event.params.berth);
  return { arrival: arrival ?? error(404, 'There is no such berth.') };
};
