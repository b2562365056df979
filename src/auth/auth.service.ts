import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { seconds, type AccessTokenClaims } from '../core/access-token.js';
import { isWithinScope } from '../core/client.js';
import type { Presenter, RefreshMode, RefreshPolicy } from '../core/policy.js';
import { accept, refuse, type Flaw, type Outcome } from '../core/refusal.js';
import { isBoundTo, isExpired, type Session } from '../core/session.js';
import { AccessTokenSigner } from '../keys/access-token-signer.js';
import { SessionStore, StoreUnavailable } from '../store/session-store.js';
import { Clock } from './clock.js';
import { RateLimiter } from './rate-limiter.js';
import { Ratchet, type Turned } from './ratchet.js';
import { RefreshTokens, type PresentedToken } from './refresh-tokens.js';
import { trySample } from './sample-tokens.js';
import { DryRunMint, LiveMint, type TokenMint, type TokenPair } from './token-mint.js';

/** A refresh as a contract reads it from a request. */
export interface RefreshRequest {
  /** The token as it came; undefined if none came. */
  readonly refreshToken: string | undefined;
  /** Whether to simulate: the same checks and the same shape of answer, and nothing written. */
  readonly dryRun: boolean;
  readonly mode: RefreshMode;
  /** The client that presents the token, if the contract authenticates clients. */
  readonly presenter?: Presenter;
  /** A scope for this access token alone; it must not go beyond the session's (RFC 6749 section 6). */
  readonly scope?: string;
}

/** A refresh that succeeded. */
export interface Refreshed extends TokenPair {
  /** How it succeeded, for the log. */
  readonly how: Turned['turn']['kind'];
  readonly dryRun: boolean;
  readonly session: Session;
}

/** Whether a logout ended a session, and which it was for. */
export interface LoggedOut {
  readonly ended: boolean;
  readonly sessionId?: string;
}

/** Seconds after which a client may ask again when the store does not answer. */
const RETRY_AFTER_OUTAGE = 1;

const SCOPE_TOO_WIDE: Flaw = {
  in: 'body',
  name: 'scope',
  message: 'scope goes beyond what the session was granted',
};

/** The service itself: joins rules, store and signer. Every contract calls it, and it knows none of them. */
@Injectable()
export class AuthService {
  private readonly policies: Readonly<Record<RefreshMode, RefreshPolicy>>;

  constructor(
    @Inject(CONFIG) { rotationGrace: grace }: Config,
    private readonly tokens: RefreshTokens,
    private readonly ratchet: Ratchet,
    private readonly store: SessionStore,
    private readonly limiter: RateLimiter,
    private readonly liveMint: LiveMint,
    private readonly dryRunMint: DryRunMint,
    private readonly clock: Clock,
    private readonly signer: AccessTokenSigner,
  ) {
    this.policies = { rotate: { grace, mode: 'rotate' }, touch: { grace, mode: 'touch' } };
  }

  /**
   * Exchanges a refresh token. Refuses: missing_token, malformed_token, unknown_session, expired, revoked, reused,
   * wrong_client, wrong_proof, invalid_request (a scope beyond the session's), rate_limited, unavailable.
   */
  async refresh(request: RefreshRequest): Promise<Outcome<Refreshed>> {
    const sample = request.dryRun ? trySample(request.refreshToken, this.clock.now()) : undefined;
    if (sample && !sample.ok) return sample;
    if (sample) return accept(this.issue(sample.value.token, sample.value.turned, this.dryRunMint, request));

    const read = this.tokens.read(request.refreshToken);
    if (!read.ok) return read;
    const standing = await this.limiter.forSession(read.value.sessionId);
    if (standing && !standing.allowed) {
      return refuse('rate_limited', { retryAfter: standing.reset, sessionId: read.value.sessionId });
    }
    return orUnavailable(() => this.exchange(read.value, request));
  }

  /**
   * Whether an access token, however long ago it expired, is one of this service's for the session of a refresh token.
   * Asks the database nothing and spends nothing. Refuses: missing_token, malformed_token, expired (the refresh token);
   * wrong_proof (the access token).
   */
  belongTogether(accessToken: string, refreshToken: string): Outcome<true> {
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return read;
    const { sessionId } = read.value;
    const fits = this.signer.verify(accessToken)?.sid === sessionId;
    return fits ? accept(true) : refuse('wrong_proof', { sessionId });
  }

  /**
   * Ends the session of a refresh token, of whatever generation (RFC 7009 section 2.1); true if this call ended it. A
   * token that opens nothing ends nothing, and that is no error. Refuses: unavailable.
   */
  async logout(refreshToken: string | undefined): Promise<Outcome<LoggedOut>> {
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return accept({ ended: false });
    const { sessionId } = read.value;
    return orUnavailable(async () =>
      accept({ ended: await this.store.revoke(sessionId, 'logout'), sessionId }),
    );
  }

  /**
   * Ends the session of a refresh token for its client (RFC 7009 section 2.1). Refuses: wrong_client, unavailable.
   */
  async revoke(refreshToken: string, clientId: string): Promise<Outcome<LoggedOut>> {
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return accept({ ended: false });
    const { sessionId } = read.value;
    return orUnavailable<LoggedOut>(async () => {
      const found = await this.store.find(sessionId);
      if (!found) return accept({ ended: false });
      if (!isBoundTo(found.session, clientId)) return refuse('wrong_client', { sessionId });
      return accept({ ended: await this.store.revoke(sessionId, 'logout'), sessionId });
    });
  }

  /**
   * The claims of an access token of this service that has not expired and whose session is live. Writes nothing.
   * Refuses: malformed_token, expired, revoked, unknown_session, unavailable.
   */
  async inspectAccessToken(accessToken: string): Promise<Outcome<AccessTokenClaims>> {
    const claims = this.signer.verify(accessToken);
    if (!claims) return refuse('malformed_token');
    return orUnavailable(async () => {
      const found = await this.store.find(claims.sid);
      if (!found) return refuse('unknown_session');
      if (found.session.revokedAt) return refuse('revoked');
      const over = isExpired(found) || seconds(found.now) >= claims.exp;
      return over ? refuse('expired') : accept(claims);
    });
  }

  /** What a refresh would come to just now, and the session. Writes nothing. Refuses as refresh does. */
  async inspect(refreshToken: string): Promise<Outcome<Turned>> {
    const read = this.tokens.read(refreshToken);
    if (!read.ok) return read;
    return orUnavailable(() => this.ratchet.inspect(read.value, this.policies.rotate));
  }

  private async exchange(token: PresentedToken, request: RefreshRequest): Promise<Outcome<Refreshed>> {
    const { dryRun, mode, presenter, scope } = request;
    const mint = dryRun ? this.dryRunMint : this.liveMint;
    // Asked first: a rotation whose answer cannot be signed would cost the client a retry.
    mint.ready();
    const policy = presenter ? { ...this.policies[mode], presenter } : this.policies[mode];
    // What a refusal for the scope must not spend is asked before it can be spent.
    if (scope !== undefined && !(await this.grants(token, scope)))
      return refuse('invalid_request', { flaws: [SCOPE_TOO_WIDE] });
    const turned = await (dryRun ? this.ratchet.foresee(token, policy) : this.ratchet.turn(token, policy));
    return turned.ok ? accept(this.issue(token, turned.value, mint, request)) : turned;
  }

  /** Whether the session grants `scope`; a session that is not there refuses for that reason, later. */
  private async grants(token: PresentedToken, scope: string): Promise<boolean> {
    const found = await this.store.find(token.sessionId);
    return !found || isWithinScope(scope, found.session.scope ?? '');
  }

  private issue(
    token: PresentedToken,
    { turn, snapshot }: Turned,
    mint: TokenMint,
    { dryRun, scope, presenter }: Pick<RefreshRequest, 'dryRun' | 'scope' | 'presenter'>,
  ): Refreshed {
    const successor = { handle: token.handle, deadline: token.deadline, generation: turn.generation };
    const particulars = {
      ...(scope !== undefined && { scope }),
      ...(presenter?.jkt !== undefined && { jkt: presenter.jkt }),
    };
    return {
      ...mint.pair(snapshot, successor, particulars),
      how: turn.kind,
      dryRun,
      session: snapshot.session,
    };
  }
}

async function orUnavailable<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailable) return refuse('unavailable', { retryAfter: RETRY_AFTER_OUTAGE });
    throw error;
  }
}
