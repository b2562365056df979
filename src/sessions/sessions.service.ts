import { Injectable } from '@nestjs/common';
import { IntrospectionService } from '../auth/introspection.service.js';
import type { Prospect } from '../auth/ratchet.js';
import type { Turn } from '../core/rotation.js';
import type { Outcome, RefusalDetail, RefusalReason } from '../core/refusal.js';
import { accept, refuse } from '../core/refusal.js';
import type { Amending, Revoking } from '../core/session-event.js';
import { mergePatch } from '../core/merge-patch.js';
import { isLive, type Session, type Snapshot } from '../core/session.js';
import { Unavailable } from '../core/unavailable.js';
import { ApiException } from '../http/errors/api.exception.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import {
  SessionRegistry,
  type Ended,
  type SessionChange,
  type SessionCursor,
  type Spared,
  type Whose,
} from '../store/session-registry.js';
import { SessionStore } from '../store/session-store.js';
import { ClientBounds } from './client-bounds.js';
import { refusalInWords, turnInWords } from './history/inspection-words.js';
import { SessionOpening, type Opened } from './session-opening.js';
import { mistakeIn } from './session-claims.js';
import type { OpenSessionDto } from './session-opening.dto.js';
import type { AmendSessionDto, AmendSessionsDto } from './sessions.dto.js';

/** A page of a subject's sessions, newest first. */
export interface SessionPage {
  readonly snapshots: readonly Snapshot[];
  /** Where the next page begins; undefined at the end. */
  readonly next: SessionCursor | undefined;
}

/** What presenting a refresh token would come to, and its session if the token is genuine and the session is there. */
export interface Inspection {
  readonly outcome: Turn['kind'] | 'refused';
  readonly reason?: RefusalReason;
  /** More than the reason tells, as the log has it. */
  readonly detail?: RefusalDetail;
  /** The same in words. */
  readonly text: string;
  readonly snapshot: Snapshot | undefined;
  /** What each token of the session that is not disowned would come to; empty without one. */
  readonly tokens: readonly Prospect[];
}

/** How many sessions of a subject are read at a time. */
const PAGE = 100;
/** How often claims are merged anew when another has changed them meanwhile: somebody wins each round. */
const ROUNDS = 5;

/** Sessions, as login backends and support ask for them. Every verb throws Unavailable as the store does. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly opening: SessionOpening,
    private readonly bounds: ClientBounds,
    private readonly registry: SessionRegistry,
    private readonly store: SessionStore,
    private readonly introspection: IntrospectionService,
  ) {}

  /** Opens a session for a login backend, which calls itself `serviceKey`. @throws RefusalException as SessionOpening does */
  open(wanted: OpenSessionDto, serviceKey: string): Promise<Opened> {
    return this.opening.open(wanted, serviceKey);
  }

  /** Up to `limit` sessions of a subject, from after `cursor`. */
  async list(subject: string, limit: number, cursor?: SessionCursor): Promise<SessionPage> {
    return pageOf(await this.registry.list(subject, limit + 1, cursor), limit);
  }

  /** Of them, those that live. */
  async listLive(subject: string, limit: number, cursor?: SessionCursor): Promise<SessionPage> {
    return pageOf(await this.registry.listLive(subject, limit + 1, cursor), limit);
  }

  /** A session; undefined if there is none. */
  read(id: string): Promise<Snapshot | undefined> {
    return this.store.find(id);
  }

  /**
   * Changes a session; undefined if there is none.
   *
   * @throws RefusalException if it goes beyond what its client may have, or its claims become too long
   * @throws ApiException 409 if it is ended
   */
  async amend(id: string, amendment: AmendSessionDto, serviceKey: string): Promise<Snapshot | undefined> {
    const amended = await this.amendLive(await this.store.find(id), amendment, serviceKey);
    if (amended) return amended;
    const ended = (await this.store.find(id))?.session;
    if (!ended) return undefined;
    throw endedSession(ended.revokedBy ? `revoked by ${ended.revokedBy}` : 'it has expired');
  }

  /** Merges claims into those of each live session of a subject; how many there are. @throws RefusalException as amend does */
  async amendAll(subject: string, amendment: AmendSessionsDto, serviceKey: string): Promise<number> {
    let amended = 0;
    let cursor: SessionCursor | undefined;
    do {
      const page = await this.list(subject, PAGE, cursor);
      for (const snapshot of page.snapshots)
        if (await this.amendLive(snapshot, amendment, serviceKey)) amended++;
      cursor = page.next;
    } while (cursor);
    return amended;
  }

  /** Changes a session as it was found; undefined if there is none, or none that lives. */
  private async amendLive(
    found: Snapshot | undefined,
    { claims: patch, scope }: AmendSessionDto,
    serviceKey: string,
  ): Promise<Snapshot | undefined> {
    let known = found;
    for (let round = 0; round < ROUNDS; round++) {
      if (!known || !isLive(known)) return undefined;
      const { session } = known;
      if (typeof scope === 'string' && session.clientBound)
        await this.bounds.checkScope(scope, session.clientId);
      const claims = patch === undefined ? undefined : amendedClaims(session.claims, patch);
      const change: SessionChange = { ...(scope !== undefined && { scope }), ...(claims && { claims }) };
      const changed = (['claims', 'scope'] as const).filter((member) => Object.hasOwn(change, member));
      const event: Amending = { kind: 'amended', serviceKey, changed };
      const amended = await this.registry.amend(session.id, change, event, claims && session.claims);
      if (amended) return amended;
      known = await this.store.find(session.id);
    }
    throw new Unavailable('session_contended');
  }

  /** Ends a session, and gives it; undefined if it was ended before or is not there. */
  revoke(id: string, serviceKey: string): Promise<Snapshot | undefined> {
    return this.revokeBy(id, { kind: 'ended', by: 'service', serviceKey });
  }

  /** As revoke, told as `event`. */
  revokeBy(id: string, event: Revoking): Promise<Snapshot | undefined> {
    return this.store.revoke(id, event);
  }

  /** Ends a subject's live sessions but one, told as `event`. */
  async revokeOthers(subject: string, except: string, event: Revoking): Promise<Ended> {
    // Until now, which is never later than now.
    return (await this.registry.revokeAll({ subject }, event, { except }))!;
  }

  /** Ends live sessions, however many they are; undefined if `before` is later than now. */
  revokeAll(whose: Whose, spared: Spared, serviceKey: string): Promise<Ended | undefined> {
    const others = whose === 'everybody' ? whose : 'subject' in whose ? 'subject' : 'client_id';
    const before = spared.before && { before: spared.before.toISOString() };
    const event = { kind: 'ended', by: 'service', serviceKey, with: others, ...before } as const;
    return this.registry.revokeAll(whose, event, spared);
  }

  /** What presenting a refresh token would come to. Writes nothing. Refuses: unavailable. */
  async inspect(refreshToken: string): Promise<Outcome<Inspection>> {
    const outcome = await this.introspection.inspect(refreshToken);
    if (outcome.ok) {
      const { turn, snapshot } = outcome.value;
      const tokens = await this.introspection.prospects(snapshot);
      return accept({ outcome: turn.kind, text: turnInWords(turn.kind), snapshot, tokens });
    }
    const { reason, sessionId, ...more } = outcome.refusal;
    if (reason === 'unavailable') return refuse(reason, more);
    const snapshot = sessionId === undefined ? undefined : await this.store.find(sessionId);
    const tokens = snapshot ? await this.introspection.prospects(snapshot) : [];
    const { detail } = more;
    const text = refusalInWords(outcome.refusal, snapshot?.session);
    return accept({ outcome: 'refused', reason, ...(detail && { detail }), text, snapshot, tokens });
  }
}

/** @param found one more than the page has, if there is a next one */
function pageOf(found: readonly Snapshot[], limit: number): SessionPage {
  const snapshots = found.slice(0, limit);
  return { snapshots, next: found.length > limit ? snapshots.at(-1)!.session : undefined };
}

/** That a session can no longer be changed, and how it ended. */
export function endedSession(how: string): ApiException {
  const message = `The session is ended (${how}), so that nothing of it can be changed any more`;
  return new ApiException(409, { message, code: 'SESSION_ENDED' });
}

/** @throws RefusalException if they are too long together */
function amendedClaims(claims: Session['claims'], patch: Record<string, unknown> | null): Session['claims'] {
  const merged = (patch === null ? {} : mergePatch(claims, patch)) as Session['claims'];
  const mistake = mistakeIn(merged);
  if (mistake === undefined) return merged;
  throw new RefusalException({
    reason: 'invalid_request',
    flaws: [{ in: 'body', name: 'claims', message: `${mistake}, those that stay included` }],
  });
}
