import { setTimeout as pause } from 'node:timers/promises';

/** How long waitUntil waits, in milliseconds. */
const WITHIN = 60_000;

/** Waits until something holds. @throws Error that names `what` if it does not within a minute */
export async function waitUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const since = performance.now();
  while (!(await holds())) {
    if (performance.now() - since > WITHIN) throw new Error(`in vain: ${what}`);
    await pause(20);
  }
}
