'use client';

import { useActionState } from 'react';
import { signOut } from '../actions';

export function SignOut() {
  const [said, act, isPending] = useActionState(signOut, '');
  return (
    <form action={act}>
      <span className="error" role="alert">
        {said}
      </span>
      <button disabled={isPending}>Sign out</button>
    </form>
  );
}
