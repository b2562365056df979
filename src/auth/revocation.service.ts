import { Injectable } from '@nestjs/common';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import { isBoundTo } from '../core/session.js';
import { SessionStore } from '../store/session-store.js';
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
  ) {}

  /**
   * Ends the session of a refresh token, of whatever generation (RFC 7009 section 2.1). A token that opens nothing ends
   * nothing, and that is no error. Refuses: wrong_client, rate_limited, unavailable.
   *
   * @param by.clientId the authenticated client, to which the session must then be bound
   * @param by.from the network that it came from, whose guesses are limited
   */
  async revoke(
    refreshToken: string | undefined,
    { clientId, from }: { readonly clientId?: string | undefined; readonly from?: string | undefined },
  ): Promise<Outcome<Revoked>> {
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
      const ended = (await this.store.revoke(sessionId, 'logout')) !== undefined;
      // A refresh that came at the same time has given the session another id.
      if (!ended && (await this.tokens.hasMovedIn(located.value)))
        return this.revoke(refreshToken, { clientId, from });
      return accept({ ended, sessionId });
    });
  }
}
