import { Injectable } from '@nestjs/common';
import type { RefreshPolicy } from '../core/policy.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import { decide, type Turn } from '../core/rotation.js';
import type { Snapshot } from '../core/session.js';
import { SessionStore, StoreUnavailable } from '../store/session-store.js';
import type { PresentedToken } from './refresh-tokens.js';

/** A refresh that succeeded: how, and the session after it. */
export interface Turned {
  readonly turn: Turn;
  readonly snapshot: Snapshot;
}

/**
 * How often a decision is made anew when the session changed between reading and writing. Each round another request
 * won, and coalescing lets one win per grace window, so a third round is already rare.
 */
const ROUNDS = 5;

/** Turns a session's ratchet: joins what the rules decide with what the store does. */
@Injectable()
export class Ratchet {
  constructor(private readonly store: SessionStore) {}

  /** Refreshes the session of `token`. Refuses: unknown_session, expired, revoked, reused. */
  async turn(token: PresentedToken, policy: RefreshPolicy): Promise<Outcome<Turned>> {
    if (policy.mode === 'rotate') {
      const snapshot = await this.store.tryRotate(token.sessionId, token.generation, policy);
      if (snapshot)
        return accept({ turn: { kind: 'rotate', generation: snapshot.session.generation }, snapshot });
    }
    for (let round = 0; round < ROUNDS; round++) {
      const found = await this.store.find(token.sessionId);
      const judged = this.judge(token, found, policy);
      if (!judged.ok) {
        if (judged.refused.reason === 'reused') await this.store.revoke(token.sessionId, 'reuse');
        return judged;
      }
      const { turn } = judged.value;
      const snapshot = await this.carryOut(turn, found!, token, policy);
      if (snapshot) return accept({ turn, snapshot });
    }
    throw new StoreUnavailable('the session kept changing');
  }

  /** What turn would come to. Writes nothing. */
  async foresee(token: PresentedToken, policy: RefreshPolicy): Promise<Outcome<Turned>> {
    return this.judge(token, await this.store.find(token.sessionId), policy);
  }

  /** What turn would come to if whoever may present the token did. Writes nothing. */
  async inspect(token: PresentedToken, policy: RefreshPolicy): Promise<Outcome<Turned>> {
    const found = await this.store.find(token.sessionId);
    const { clientBound = false, clientId = '', dpopJkt } = found?.session ?? {};
    const presenter = { clientId, ...(dpopJkt && { jkt: dpopJkt }) };
    return this.judge(token, found, { ...policy, ...(clientBound && { presenter }) });
  }

  private judge(token: PresentedToken, found: Snapshot | undefined, policy: RefreshPolicy): Outcome<Turned> {
    const decision = decide(found, token.generation, policy);
    if (decision.kind === 'refuse') return refuse(decision.reason, { sessionId: token.sessionId });
    if (decision.kind === 'reuse') return refuse('reused', { sessionId: token.sessionId });
    return accept({ turn: decision, snapshot: found! });
  }

  private async carryOut(
    turn: Turn,
    found: Snapshot,
    token: PresentedToken,
    policy: RefreshPolicy,
  ): Promise<Snapshot | undefined> {
    switch (turn.kind) {
      case 'rotate':
        return this.store.rotate(token.sessionId, token.generation, policy);
      case 'fast-forward':
        return this.store.fastForward(token.sessionId, turn.generation);
      case 'touch':
        // The deadline is moved at most once a minute; a touch that moves nothing is still a touch.
        return (await this.store.touch(token.sessionId, token.generation)) ?? found;
      case 'replay':
      case 'coalesce':
        return found;
      default:
        return turn satisfies never;
    }
  }
}
