'use client';

import { useActionState } from 'react';
import { signIn } from '../actions';

export function SignInForm() {
  const [said, act, isPending] = useActionState(signIn, '');
  return (
    <form className="card" action={act}>
      <p className="brand">Harbour office</p>
      <label>
        Name <input name="name" autoComplete="username" required defaultValue="ada" />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete="current-password"
          required
          defaultValue="lovelace"
        />
      </label>
      <p className="error" role="alert">
        {said}
      </p>
      <button className="primary" disabled={isPending}>
        Sign in
      </button>
    </form>
  );
}
