'use server';

import { cookies, headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { endSession, openSession, Unavailable } from '../lib/ratchet';
import { cookiesFor, noCookies, REFRESH } from '../lib/session';

/** Yours has password hashes here, passkeys, or an identity provider. */
const PEOPLE: Record<string, { password: string; name: string } | undefined> = {
  ada: { password: 'lovelace', name: 'Ada Lovelace' },
  grace: { password: 'hopper', name: 'Grace Hopper' },
};

/** Signs in; gives what is to be said if that did not work. Next answers none but this app's own pages. */
export async function signIn(_said: string, form: FormData): Promise<string> {
  const subject = String(form.get('name'));
  const person = Object.hasOwn(PEOPLE, subject) ? PEOPLE[subject] : undefined;
  if (person?.password !== form.get('password')) return 'Name or password is wrong.';
  try {
    const tokens = await openSession(subject, { name: person.name });
    const jar = await cookies();
    for (const cookie of cookiesFor(tokens)) jar.set(...cookie);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return 'Nobody can sign in just now. Please try again shortly.';
  }
  redirect('/dashboard');
}

/** Signs out; gives what is to be said if that could not be done. */
export async function signOut(): Promise<string> {
  const jar = await cookies();
  const refreshToken = jar.get(REFRESH)?.value;
  try {
    if (refreshToken) await endSession(refreshToken, (await headers()).get('x-forwarded-for'));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return 'You could not be signed out just now. Please try again.';
  }
  for (const cookie of noCookies()) jar.set(...cookie);
  redirect('/login?signed-out');
}
