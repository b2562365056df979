import type { Presenter, RefreshPolicy } from './policy.js';
import { isExpired, type Session, type Snapshot } from './session.js';

/** What a presented token comes to. `generation` is the one that the session's current refresh token then names. */
export type Decision =
  /** The ratchet turns one notch: a new refresh token, a new idle deadline. */
  | { readonly kind: 'rotate'; readonly generation: number }
  /** The database lost commits (a restore, a failover): the row catches up with the token. */
  | { readonly kind: 'fast-forward'; readonly generation: number }
  /** A retry of the refresh that was just done: the same successor, no write. */
  | { readonly kind: 'replay'; readonly generation: number }
  /** Another request was just before this one: the same refresh token, no write. */
  | { readonly kind: 'coalesce'; readonly generation: number }
  /** The refresh token stays, the idle deadline moves. */
  | { readonly kind: 'touch'; readonly generation: number }
  /** A superseded token after its grace window: theft, of this token or of its successor. The session must end. */
  | { readonly kind: 'reuse' }
  | {
      readonly kind: 'refuse';
      readonly reason: 'unknown_session' | 'revoked' | 'expired' | 'wrong_client' | 'wrong_proof';
    };

/** The ways a refresh succeeds. */
export type Turn = Exclude<Decision, { kind: 'reuse' | 'refuse' }>;

/**
 * Decides what presenting generation `presented` of a session comes to. Pure: the clock is in the snapshot.
 *
 * Since coalescing allows one rotation per grace window, a request that was delayed by less than the window can
 * never be two generations behind; so whatever is further behind is no honest client.
 */
export function decide(snapshot: Snapshot | undefined, presented: number, policy: RefreshPolicy): Decision {
  if (!snapshot) return { kind: 'refuse', reason: 'unknown_session' };
  const unfit = unfitness(snapshot.session, policy.presenter);
  if (unfit) return { kind: 'refuse', reason: unfit };
  if (snapshot.session.revokedAt) return { kind: 'refuse', reason: 'revoked' };
  if (isExpired(snapshot)) return { kind: 'refuse', reason: 'expired' };

  const current = snapshot.session.generation;
  if (presented > current) {
    return { kind: 'fast-forward', generation: policy.mode === 'rotate' ? presented + 1 : presented };
  }
  if (presented === current) {
    if (policy.mode === 'touch') return { kind: 'touch', generation: current };
    if (insideGrace(snapshot, policy)) return { kind: 'coalesce', generation: current };
    return { kind: 'rotate', generation: current + 1 };
  }
  if (presented === current - 1 && insideGrace(snapshot, policy))
    return { kind: 'replay', generation: current };
  return { kind: 'reuse' };
}

/**
 * Why `presenter` may not present the session's tokens. Asked before anything else is said of the session, and before
 * reuse: another client's attempt spends nothing and ends nothing.
 */
function unfitness(session: Session, presenter?: Presenter): 'wrong_client' | 'wrong_proof' | undefined {
  if (!session.clientBound) return presenter ? 'wrong_client' : undefined;
  if (presenter?.clientId !== session.clientId) return 'wrong_client';
  return session.dpopJkt !== null && session.dpopJkt !== presenter.jkt ? 'wrong_proof' : undefined;
}

function insideGrace({ session, now }: Snapshot, { grace }: RefreshPolicy): boolean {
  if (grace === 0 || !session.rotatedAt) return false;
  return now.getTime() - session.rotatedAt.getTime() <= grace;
}
