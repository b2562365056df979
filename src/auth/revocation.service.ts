import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import { isBoundTo } from '../core/session.js';
import type { Caller } from '../core/session-event.js';
import { SessionStore } from '../store/session-store.js';
import { keptOf } from './kept-caller.js';
import { orUnavailable } from './or-unavailable.js';
import { PresentedTokens } from './presented-tokens.js';

/** Whether a session was ended, and which it was. */
export interface Revoked {
  readonly ended: boolean;
  readonly sessionId?: string;
}

/** Ends the sessions of refresh tokens. */
@Injectable()
export class RevocationService {
  constructor(
    private readonly tokens: PresentedTokens,
    private readonly store: SessionStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Ends the session of a refresh token, of whatever generation (RFC 7009 section 2.1). A token that opens nothing ends
   * nothing, and that is no error. Refuses: wrong_client, rate_limited, unavailable.
   *
   * @param by.clientId the authenticated client, to which the session must then be bound
   * @param by.from the network that it came from, whose guesses are limited
   * @param by.caller where it came from, for the session's history
   */
  async revoke(
    refreshToken: string | undefined,
    by: {
      readonly clientId?: string | undefined;
      readonly from?: string | undefined;
      readonly caller?: Caller;
    },
  ): Promise<Outcome<Revoked>> {
    const { clientId, from, caller = {} } = by;
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return accept({ ended: false });
    return orUnavailable<Revoked>(async () => {
      const located = await this.tokens.locate(read.value, { from });
      if (!located.ok)
        return located.refusal.reason === 'rate_limited' ? located : accept<Revoked>({ ended: false });
      const { sessionId } = located.value;
      if (clientId !== undefined) {
        const found = await this.store.find(sessionId);
        if (!found) return accept({ ended: false });
        if (!isBoundTo(found.session, clientId)) {
          const { subject, clientId: owner, clientBound } = found.session;
          const detail = clientBound ? 'client_other' : 'client_unbound';
          return refuse('wrong_client', { sessionId, detail, subject, clientId: owner, presenter: clientId });
        }
      }
      const event = { kind: 'ended', by: 'logout', ...keptOf(caller, this.config.history.callers) } as const;
      const ended = (await this.store.revoke(sessionId, event)) !== undefined;
      // A refresh that came at the same time has given the session another id.
      if (!ended && (await this.tokens.hasMovedIn(located.value))) return this.revoke(refreshToken, by);
      return accept({ ended, sessionId });
    });
  }
}
