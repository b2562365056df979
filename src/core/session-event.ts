import type { RefusalDetail } from './refusal.js';
import type { RevokedBy } from './session.js';

/** Where a request came from, as much of it as is kept. */
export interface Caller {
  /** An address, or the network that it is in: `203.0.113.7`, or `203.0.113.0/24`. */
  readonly address?: string;
  readonly userAgent?: string;
}

/** A session began. */
export interface Opening extends Caller {
  readonly kind: 'opened';
  readonly serviceKey: string;
  readonly clientId: string;
  readonly device: string | null;
  /** The session whose place it was asked to take. */
  readonly replaces?: string;
}

/** A refresh that was no ordinary one: by which token, when which was the newest. */
export interface PresentedGeneration extends Caller {
  readonly presented: number;
  readonly newest: number;
  /** How long after the last exchange it came, in seconds; absent before the first one. */
  readonly lateBy?: number;
}

/** Whose sessions were ended together with this one. */
export type EndedWith = 'subject' | 'client_id' | 'everybody' | 'client';

/** A session ended, and by whom. */
export type Ending = { readonly kind: 'ended' } & (
  | ({
      readonly by: Extract<RevokedBy, 'logout'>;
      /** Another session of the subject, which asked for it. */
      readonly from?: string;
    } & Caller)
  | ({ readonly by: Extract<RevokedBy, 'reuse'>; readonly detail?: RefusalDetail } & PresentedGeneration)
  | {
      readonly by: Extract<RevokedBy, 'service'>;
      readonly serviceKey?: string;
      /** Absent if it alone was meant. */
      readonly with?: EndedWith;
      /** Those that were opened up to then. */
      readonly before?: string;
      /** The session that took its place. */
      readonly replacedBy?: string;
    }
  | { readonly by: Extract<RevokedBy, 'limit'>; readonly limit: number; readonly replacedBy: string }
  | { readonly by: 'expiry'; readonly deadline: 'absolute_deadline' | 'idle_deadline' }
);

/** An end that the session's row tells of. */
export type Revoking = Ending & { readonly by: RevokedBy };

/** What a login backend changed of a session. */
export interface Amending {
  readonly kind: 'amended';
  readonly serviceKey: string;
  /** Which of them. */
  readonly changed: readonly ('claims' | 'scope')[];
}

/** What a session's history tells: all but ordinary refreshes. The closed list. */
export type SessionEvent =
  | Opening
  /** A session of the system before was refreshed here for the first time. */
  | { readonly kind: 'moved_in' }
  | Amending
  /** An exchange was made once more, since the answers to it were lost. */
  | ({ readonly kind: 'recovered' } & PresentedGeneration)
  /** The database had lost commits, and caught up with a token. */
  | ({ readonly kind: 'fast_forwarded' } & PresentedGeneration)
  | Ending
  /** The row of a session that had been ended is gone. */
  | { readonly kind: 'deleted' };

/** An event of one kind. */
export type EventOf<Kind extends SessionEvent['kind']> = Extract<SessionEvent, { kind: Kind }>;
