import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import type { Presentation, RefreshPolicy, Windows } from '../core/policy.js';
import { accept, refuse, type Outcome, type RefusalDetail, type Refusal } from '../core/refusal.js';
import { decide, disownsParent, type Turn } from '../core/rotation.js';
import { isTouchDue, type Answered, type Session, type Snapshot } from '../core/session.js';
import type { Caller, PresentedGeneration } from '../core/session-event.js';
import { SessionStore } from '../store/session-store.js';
import { Unavailable } from '../core/unavailable.js';
import { keptOf } from './kept-caller.js';
import type { PresentedToken } from './presented-tokens.js';

/** A refresh that succeeded: how, and the session after it. */
export interface Turned<Of extends Answered = Answered> {
  readonly turn: Turn;
  readonly snapshot: Snapshot<Of>;
}

/** What presenting a generation of a session would come to. */
export interface Prospect {
  readonly generation: number;
  readonly outcome: Turn['kind'] | 'refused';
}

/** How many of a session's unused successors are shown. */
const MOST_SHOWN = 20;

/**
 * How often a decision is made anew when the session changed between reading and writing. Each round another request
 * won, and coalescing lets one win per grace window, so a third round is already rare.
 */
const ROUNDS = 5;

/** Turns a session's ratchet: joins what the rules decide with what the store does. */
@Injectable()
export class Ratchet {
  private readonly windows: Windows;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: SessionStore,
  ) {
    const { rotationGrace: grace, recoveryWindow: recovery } = config;
    this.windows = { grace, recovery };
  }

  /**
   * Refreshes the session of `token`. Refuses: unknown_session, expired, revoked, reused.
   *
   * @param caller who presents it, for the session's history
   */
  async turn(
    token: PresentedToken,
    presentation: Presentation,
    caller: Caller = {},
  ): Promise<Outcome<Turned>> {
    const policy = this.policyOf(presentation);
    if (policy.mode === 'rotate') {
      const snapshot = await this.store.tryRotate(token.sessionId, token.generation, policy);
      if (snapshot)
        return accept({ turn: { kind: 'rotate', generation: snapshot.session.generation }, snapshot });
    }
    for (let round = 0; round < ROUNDS; round++) {
      const found = await this.store.find(token.sessionId);
      const judged = this.judge(token, found, policy);
      if (!judged.ok) {
        const { reason, detail } = judged.refusal;
        if (reason === 'reused') {
          const event = { kind: 'ended', by: 'reuse', ...this.presented(token, found!, caller) } as const;
          await this.store.revoke(token.sessionId, { ...event, ...(detail && { detail }) });
        }
        return judged;
      }
      const { turn } = judged.value;
      const snapshot = await this.carryOut(turn, found!, token, policy, caller);
      if (snapshot) return accept({ turn, snapshot });
    }
    throw new Unavailable('session_contended');
  }

  /** What turn would come to. Writes nothing. */
  async foresee(token: PresentedToken, presentation: Presentation): Promise<Outcome<Turned<Session>>> {
    return this.judge(token, await this.store.find(token.sessionId), this.policyOf(presentation));
  }

  /** What the tokens of a session that are not disowned would come to: its parent, and the unused successors. */
  prospects(found: Snapshot, presentation: Presentation): Prospect[] {
    const { parent, floor, generation } = found.session;
    const policy = this.policyOf(presentation);
    const prospects = parent < 0 ? [] : [parent];
    // A session of very many siblings is shown by its newest.
    for (let next = Math.max(floor + 1, generation - MOST_SHOWN + 1); next <= generation; next++)
      prospects.push(next);
    return prospects.map((each) => {
      const { kind } = decide(found, each, policy);
      return { generation: each, outcome: kind === 'reuse' || kind === 'refuse' ? 'refused' : kind };
    });
  }

  private policyOf({ windows, ...how }: Presentation): RefreshPolicy {
    return { ...this.windows, ...windows, ...how };
  }

  private judge(
    token: PresentedToken,
    found: Snapshot | undefined,
    policy: RefreshPolicy,
  ): Outcome<Turned<Session>> {
    const decision = decide(found, token.generation, policy);
    if (decision.kind === 'reuse') return refuse('reused', about(token, decision.detail, found, policy));
    if (decision.kind === 'refuse')
      return refuse(decision.reason, about(token, decision.detail, found, policy));
    return accept({ turn: decision, snapshot: found! });
  }

  private async carryOut(
    turn: Turn,
    found: Snapshot,
    token: PresentedToken,
    policy: RefreshPolicy,
    caller: Caller,
  ): Promise<Snapshot<Answered> | undefined> {
    const { jkt, binds } = policy.presenter ?? {};
    if (turn.kind !== 'rotate' && binds && jkt !== undefined && found.session.dpopJkt === null) {
      // A rotation binds by itself. What anything else comes to is decided anew: by then it may be another's key.
      await this.store.bind(token.sessionId, jkt);
      return undefined;
    }
    switch (turn.kind) {
      case 'rotate':
        return this.store.rotate(token.sessionId, token.generation, policy);
      case 'fast-forward':
        return this.store.fastForward(token.sessionId, turn.generation, {
          kind: 'fast_forwarded',
          ...this.presented(token, found, caller),
        });
      case 'recover':
        return this.store.recover(token.sessionId, found.session.generation, {
          kind: 'recovered',
          ...this.presented(token, found, caller),
        });
      case 'touch':
      case 'retry':
      case 'coalesce':
        if (disownsParent(found, turn))
          return this.store.disownParent(token.sessionId, found.session.generation);
        // A session whose client asks again and again is not idle; a touch that moves nothing is still a touch.
        if (!isTouchDue(found)) return found;
        return (await this.store.touch(token.sessionId, found.session.generation)) ?? found;
      default:
        return turn satisfies never;
    }
  }

  /** What a history tells of a refresh that is no ordinary one. */
  private presented(
    { generation }: PresentedToken,
    { session: { generation: newest, rotatedAt }, now }: Snapshot,
    caller: Caller,
  ): PresentedGeneration {
    return {
      presented: generation,
      newest,
      ...(rotatedAt && { lateBy: (now.getTime() - rotatedAt.getTime()) / 1000 }),
      ...keptOf(caller, this.config.history.callers),
    };
  }
}

/** What the operator is told of a refusal. */
function about(
  { sessionId }: PresentedToken,
  detail: RefusalDetail | undefined,
  found: Snapshot | undefined,
  { presenter }: RefreshPolicy,
): Omit<Refusal, 'reason'> {
  return {
    sessionId,
    ...(detail && { detail }),
    ...(found && { subject: found.session.subject, clientId: found.session.clientId }),
    ...(presenter && { presenter: presenter.clientId }),
  };
}
