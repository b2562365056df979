import { Ratchet } from '../../src/auth/ratchet.ts';
import type { Config } from '../../src/config/config.ts';
import type { SessionStore } from '../../src/store/session-store.ts';

/** A ratchet with these windows, in milliseconds, over a store. */
export function ratchetWith(
  { grace, recovery }: { readonly grace: number; readonly recovery: number },
  store: SessionStore,
): Ratchet {
  const history: Config['history'] = { retention: 0, callers: 'short' };
  const config: Partial<Config> = { rotationGrace: grace, recoveryWindow: recovery, history };
  return new Ratchet(config as Config, store);
}
