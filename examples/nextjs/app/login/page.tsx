import { redirect } from 'next/navigation';
import { currentUser } from '../../lib/session';
import { Tabs } from '../tabs';
import { SignInForm } from './sign-in-form';

export default async function Login({ searchParams }: { searchParams: Promise<Record<string, string>> }) {
  if (await currentUser()) redirect('/dashboard');
  return (
    <main className="centre">
      <Tabs tell={'signed-out' in (await searchParams)} />
      <SignInForm />
    </main>
  );
}
