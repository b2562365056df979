import type { Presenter, RefreshPolicy } from './policy.js';
import type { RefusalDetail } from './refusal.js';
import { deadlinePassed, type Session, type Snapshot } from './session.js';

/** What a presented token comes to. `generation` is the one that the answer's refresh token names. */
export type Decision =
  /** An unused successor is used: it disowns its siblings and its parent, and is given a successor of its own. */
  | { readonly kind: 'rotate'; readonly generation: number }
  /** A late retry of an exchange whose answers were lost: another successor of the parent, a sibling of those. */
  | { readonly kind: 'recover'; readonly generation: number }
  /** The database lost commits (a restore, a failover): the row catches up with the token. */
  | { readonly kind: 'fast-forward'; readonly generation: number }
  /**
   * A retry of the exchange that was just done, or of any before it with a proof of the session's key: the newest
   * successor, no write.
   */
  | { readonly kind: 'retry'; readonly generation: number }
  /** Another request was just before this one: the same refresh token, no write. */
  | { readonly kind: 'coalesce'; readonly generation: number }
  /** The refresh token stays, the idle deadline moves. */
  | { readonly kind: 'touch'; readonly generation: number }
  /** A disowned token: it was stolen, or one that disowned it was. The session must end. */
  | { readonly kind: 'reuse'; readonly detail: RefusalDetail }
  | {
      readonly kind: 'refuse';
      readonly reason: 'unknown_session' | 'revoked' | 'expired' | 'wrong_client' | 'wrong_proof';
      readonly detail?: RefusalDetail;
    };

/** The ways a refresh succeeds. */
export type Turn = Exclude<Decision, { kind: 'reuse' | 'refuse' }>;

/**
 * Decides what presenting generation `presented` of a session comes to. Pure: the clock is in the snapshot.
 *
 * A token may be exchanged again for as long as none of its successors has been used; the first successor that is used
 * disowns its siblings and its parent. So a client that lost its answer is given another, however often it asks and in
 * whichever order the answers arrive; and two who hold tokens of one session, an owner and a thief, disown each other.
 *
 * Inside the grace window nothing is exchanged anew, so that whoever is late by less has nothing to fear from those
 * who were faster. And whoever proves possession of the key that the session is bound to is no thief, however old the
 * token is; without that proof, no token of such a session does anything.
 */
export function decide(snapshot: Snapshot | undefined, presented: number, policy: RefreshPolicy): Decision {
  if (!snapshot) return { kind: 'refuse', reason: 'unknown_session' };
  const unfit = unfitness(snapshot.session, policy.presenter);
  if (unfit) return { kind: 'refuse', ...unfit };
  if (snapshot.session.revokedAt) return { kind: 'refuse', reason: 'revoked' };
  const deadline = deadlinePassed(snapshot);
  if (deadline) return { kind: 'refuse', reason: 'expired', detail: deadline };

  const { generation, parent, floor, parentDisowned } = snapshot.session;
  if (presented > generation) {
    return { kind: 'fast-forward', generation: policy.mode === 'rotate' ? presented + 1 : presented };
  }
  if (presented > floor) {
    if (policy.mode === 'touch') return { kind: 'touch', generation: presented };
    if (isWithin(policy.grace, snapshot, policy)) return { kind: 'coalesce', generation: presented };
    return { kind: 'rotate', generation: generation + 1 };
  }
  if (provesKey(snapshot.session, policy.presenter)) return { kind: 'retry', generation };
  if (presented === parent) {
    if (isWithin(policy.grace, snapshot, policy)) return { kind: 'retry', generation };
    if (parentDisowned) return { kind: 'reuse', detail: 'parent_disowned' };
    if (isWithin(policy.recovery, snapshot, policy)) return { kind: 'recover', generation: generation + 1 };
  }
  return { kind: 'reuse', detail: whatIsDisowned(snapshot.session, presented) };
}

/**
 * Whether a turn that exchanges nothing shows that a successor has arrived, so that its parent needs no other: it is
 * then to be disowned, but for the grace window, in which the parent may just be late. Without siblings a coalesced
 * request may do without: somebody who had the parent recovered again and again, to keep the window open and the owner
 * coalesced for ever, would have left siblings.
 */
export function disownsParent({ session }: Snapshot, { kind }: Turn): boolean {
  const { generation, floor, rotatedAt, parentDisowned } = session;
  if (parentDisowned || !rotatedAt) return false;
  return kind === 'touch' || (kind === 'coalesce' && generation - floor > 1);
}

/**
 * Why `presenter` may not present the session's tokens. Asked before anything else is said of the session, and before
 * reuse: another client's attempt spends nothing and ends nothing.
 */
function unfitness(
  session: Session,
  presenter?: Presenter,
): { reason: 'wrong_client' | 'wrong_proof'; detail: RefusalDetail } | undefined {
  const { clientBound, clientId, dpopJkt } = session;
  if (!clientBound) return presenter && { reason: 'wrong_client', detail: 'client_unbound' };
  if (!presenter) return { reason: 'wrong_client', detail: 'client_absent' };
  if (presenter.clientId !== clientId) return { reason: 'wrong_client', detail: 'client_other' };
  if (dpopJkt === null || dpopJkt === presenter.jkt) return undefined;
  return { reason: 'wrong_proof', detail: presenter.jkt === undefined ? 'proof_absent' : 'proof_other_key' };
}

/** Whether a presenter that may present the session's tokens has proved by a key, just now, that it is who it says. */
function provesKey({ dpopJkt }: Session, presenter: Presenter | undefined): boolean {
  return presenter?.proven === true || (dpopJkt !== null && dpopJkt === presenter?.jkt);
}

function whatIsDisowned({ parent, floor }: Session, presented: number): RefusalDetail {
  if (presented === parent) return 'parent_late';
  return presented > parent && presented <= floor ? 'sibling_disowned' : 'two_behind';
}

/** Whether the last exchange is at most `window` milliseconds ago. Strict mode knows no windows. */
function isWithin(window: number, { session, now }: Snapshot, { grace }: RefreshPolicy): boolean {
  if (grace === 0 || !session.rotatedAt) return false;
  return now.getTime() - session.rotatedAt.getTime() <= window;
}
