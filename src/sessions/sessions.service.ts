import { Injectable } from '@nestjs/common';
import { IntrospectionService } from '../auth/introspection.service.js';
import type { Prospect } from '../auth/ratchet.js';
import type { Turn } from '../core/rotation.js';
import type { Outcome, RefusalReason } from '../core/refusal.js';
import { accept, refuse } from '../core/refusal.js';
import type { Snapshot } from '../core/session.js';
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
import { SessionOpening, type Opened } from './session-opening.js';
import type { OpenSessionDto } from './sessions.dto.js';

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
  readonly snapshot: Snapshot | undefined;
  /** What each token of the session that is not disowned would come to; empty without one. */
  readonly tokens: readonly Prospect[];
}

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
    const found = await this.registry.list(subject, limit + 1, cursor);
    const snapshots = found.slice(0, limit);
    return { snapshots, next: found.length > limit ? snapshots.at(-1)!.session : undefined };
  }

  /** A session; undefined if there is none. */
  read(id: string): Promise<Snapshot | undefined> {
    return this.store.find(id);
  }

  /**
   * Changes a session that is not ended; undefined if there is none.
   *
   * @throws RefusalException if it goes beyond what its client may have
   */
  async amend(id: string, change: SessionChange): Promise<Snapshot | undefined> {
    if (typeof change.scope === 'string') {
      const session = (await this.store.find(id))?.session;
      if (session?.clientBound) await this.bounds.checkScope(change.scope, session.clientId);
    }
    return this.registry.amend(id, change);
  }

  /** Ends a session, and gives it; undefined if it was ended before or is not there. */
  revoke(id: string): Promise<Snapshot | undefined> {
    return this.store.revoke(id, 'service');
  }

  /** Ends live sessions, however many they are; undefined if `before` is later than now. */
  revokeAll(whose: Whose, spared: Spared): Promise<Ended | undefined> {
    return this.registry.revokeAll(whose, spared);
  }

  /** What presenting a refresh token would come to. Writes nothing. Refuses: unavailable. */
  async inspect(refreshToken: string): Promise<Outcome<Inspection>> {
    const outcome = await this.introspection.inspect(refreshToken);
    if (outcome.ok) {
      const { turn, snapshot } = outcome.value;
      return accept({ outcome: turn.kind, snapshot, tokens: await this.introspection.prospects(snapshot) });
    }
    const { reason, sessionId, ...more } = outcome.refusal;
    if (reason === 'unavailable') return refuse(reason, more);
    const snapshot = sessionId === undefined ? undefined : await this.store.find(sessionId);
    const tokens = snapshot ? await this.introspection.prospects(snapshot) : [];
    return accept({ outcome: 'refused', reason, snapshot, tokens });
  }
}
