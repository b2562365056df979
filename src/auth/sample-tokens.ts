import { accept, refuse, type Outcome, type RefusalReason } from '../core/refusal.js';
import { newHandle, sessionIdOf } from '../core/refresh-token.js';
import type { Session } from '../core/session.js';
import type { Turned } from './ratchet.js';
import type { PresentedToken } from './presented-tokens.js';

/** The sample token that a dry run accepts. */
export const ACCEPTED_SAMPLE = 'abc123.def456';
/** What stands in the documents for the id of a session. */
export const SAMPLE_SESSION_ID = '3f0c1f6e-8d5c-4b6e-9d6a-2f4b7c8d9e0a';
const REFUSED_SAMPLES: ReadonlyMap<string, RefusalReason> = new Map([
  ['expired.def456', 'expired'],
  ['revoked.def456', 'revoked'],
  ['reused.def456', 'reused'],
  ['malformed.def456', 'malformed_token'],
]);

/**
 * What a documented sample token comes to; undefined if `text` is not one. They answer in a dry run only, so that a
 * documentation's playground works out of the box, as test cards do at payment services.
 */
export function trySample(
  text: string | undefined,
  now: Date,
): Outcome<{ token: PresentedToken; turned: Turned }> | undefined {
  if (text === ACCEPTED_SAMPLE) return accept(sampleRefresh(now));
  const reason = REFUSED_SAMPLES.get(text ?? '');
  return reason && refuse(reason);
}

function sampleRefresh(now: Date): { token: PresentedToken; turned: Turned } {
  const handle = newHandle();
  const inAnHour = new Date(now.getTime() + 3_600_000);
  const session: Session = {
    id: sessionIdOf(handle),
    subject: 'sample',
    clientId: 'sample',
    scope: null,
    audience: [],
    claims: {},
    device: null,
    amr: [],
    acr: null,
    authTime: now,
    createdAt: now,
    expiresAt: inAnHour,
    idleExpiresAt: inAnHour,
    idleTtl: 3_600,
    accessTokenTtl: 900,
    generation: 1,
    parent: 0,
    floor: 0,
    parentDisowned: false,
    rotatedAt: now,
    revokedAt: null,
    revokedBy: null,
    clientBound: false,
    dpopJkt: null,
    extras: {},
  };
  return {
    token: { handle, generation: 0, sessionId: session.id },
    turned: { turn: { kind: 'rotate', generation: 1 }, snapshot: { session, now } },
  };
}
