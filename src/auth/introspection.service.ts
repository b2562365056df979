import { Injectable } from '@nestjs/common';
import { seconds, type AccessTokenClaims } from '../core/access-token.js';
import { presentationBy } from '../core/client.js';
import type { Presentation } from '../core/policy.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import { isExpired, type Session, type Snapshot } from '../core/session.js';
import { AccessTokenSigner } from '../keys/access-token-signer.js';
import { ClientStore } from '../store/client-store.js';
import { SessionStore } from '../store/session-store.js';
import { orUnavailable } from './or-unavailable.js';
import { Ratchet, type Prospect, type Turned } from './ratchet.js';
import { PresentedTokens } from './presented-tokens.js';

/** An access token of this service, and its session. */
export interface Introspected {
  readonly claims: AccessTokenClaims;
  readonly session: Session;
}

/** Says what a token is good for. Writes nothing. */
@Injectable()
export class IntrospectionService {
  constructor(
    private readonly tokens: PresentedTokens,
    private readonly ratchet: Ratchet,
    private readonly store: SessionStore,
    private readonly clients: ClientStore,
    private readonly signer: AccessTokenSigner,
  ) {}

  /**
   * An access token of this service that has not expired, if its session is live.
   * Refuses: malformed_token, expired, revoked, unknown_session, unavailable.
   */
  async inspectAccessToken(accessToken: string): Promise<Outcome<Introspected>> {
    const claims = this.signer.verify(accessToken);
    if (!claims) return refuse('malformed_token');
    return orUnavailable(async () => {
      const found = await this.store.find(claims.sid);
      if (!found) return refuse('unknown_session');
      if (found.session.revokedAt) return refuse('revoked');
      const over = isExpired(found) || seconds(found.now) >= claims.exp;
      return over ? refuse('expired') : accept({ claims, session: found.session });
    });
  }

  /** What a refresh would come to just now, and the session. Refuses as AuthService.refresh does. */
  async inspect(refreshToken: string): Promise<Outcome<Turned<Session>>> {
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return read;
    return orUnavailable(async () => {
      const located = await this.tokens.locate(read.value);
      if (!located.ok) return located;
      const token = located.value;
      const found = await this.store.find(token.sessionId);
      return this.ratchet.foresee(token, await this.entitled(found?.session));
    });
  }

  /** What each token of a session that is not disowned would come to just now. Throws Unavailable as the store does. */
  async prospects(found: Snapshot): Promise<Prospect[]> {
    return this.ratchet.prospects(found, await this.entitled(found.session));
  }

  /** How whoever may present the session's tokens does it. */
  private async entitled(session: Session | undefined): Promise<Presentation> {
    if (!session?.clientBound) return { mode: 'rotate' };
    const { clientId, dpopJkt } = session;
    const client = await this.clients.find(clientId);
    return client
      ? presentationBy(client, dpopJkt ?? undefined)
      : { mode: 'rotate', presenter: { clientId } };
  }
}
