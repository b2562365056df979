import { userOf } from '$lib/server/session';
import type { LayoutServerLoad } from './$types';

export const load: LayoutServerLoad = (event) => {
  // So that this runs at each navigation, and not only at the first page under /dashboard.
  event.depends('app:session');
  void event.url.pathname;
  const { name, exp } = userOf(event);
  return { user: { name, exp } };
};
