import { refuse, type Outcome } from '../core/refusal.js';
import { Unavailable } from '../core/unavailable.js';

/** Seconds after which a client may ask again when the store does not answer. */
const RETRY_AFTER_OUTAGE = 1;

/** What `work` comes to; the refusal `unavailable` where the store does not answer. */
export async function orUnavailable<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return refuse('unavailable', { retryAfter: RETRY_AFTER_OUTAGE, detail: error.what });
  }
}
