import type { Claims } from '$lib/server/ratchet';

declare global {
  namespace App {
    interface Locals {
      /** Who is signed in; absent if nobody is, or if that cannot be said just now. */
      user?: Claims;
      /** Set where it cannot be said: in how many seconds it makes sense to ask again. */
      askAgainIn?: number;
    }
    interface Error {
      askAgainIn?: number;
    }
  }
}

export {};
