import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { seconds } from '../core/access-token.js';
import type { Caller } from '../core/session-event.js';
import { flawIn, type Narrowing } from '../core/narrowing.js';
import type { Presentation } from '../core/policy.js';
import { accept, refuse, type Flaw, type Outcome } from '../core/refusal.js';
import { firstDeadline, type Answered } from '../core/session.js';
import { DryRuns } from './dry-runs.js';
import { orUnavailable } from './or-unavailable.js';
import { RateLimiter } from './rate-limiter.js';
import { Ratchet, type Turned } from './ratchet.js';
import { PresentedTokens, type PresentedToken } from './presented-tokens.js';
import { LiveMint, type TokenMint, type TokenPair } from './token-mint.js';
import { TwinTokens } from './twin-tokens.js';

/** A refresh as a contract reads it from a request. */
export interface RefreshRequest extends Presentation, Narrowing {
  /** The token as it came; undefined if none came. */
  readonly refreshToken: string | undefined;
  /** Others that came in cookies of the same name. */
  readonly twins?: readonly string[];
  /** Whether to simulate: the same checks and the same shape of answer, and nothing written. */
  readonly dryRun: boolean;
  /** The network that it came from, whose guesses are limited. */
  readonly from?: string;
  /** Where it came from, for the session's history. */
  readonly caller?: Caller;
  /** Access tokens that came along: each must be one of the same session, however long ago it expired. */
  readonly accessTokens?: readonly string[];
}

/** A refresh that succeeded. */
export interface Refreshed extends TokenPair {
  /** How it succeeded, for the log. */
  readonly how: Turned['turn']['kind'];
  readonly dryRun: boolean;
  readonly session: Answered;
}

/** The service itself: joins rules, store and signer. Every contract calls it, and it knows none of them. */
@Injectable()
export class AuthService {
  constructor(
    private readonly tokens: PresentedTokens,
    private readonly twinTokens: TwinTokens,
    private readonly ratchet: Ratchet,
    private readonly limiter: RateLimiter,
    private readonly mint: LiveMint,
    private readonly dryRuns: DryRuns,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Exchanges a refresh token. Refuses: missing_token, malformed_token, unknown_session, expired, revoked, reused,
   * wrong_client, wrong_proof, invalid_request (a scope or a resource beyond the session's), rate_limited, unavailable.
   */
  async refresh(request: RefreshRequest): Promise<Outcome<Refreshed>> {
    const { refreshToken, twins, dryRun, accessTokens = [] } = request;
    const sample = dryRun ? this.dryRuns.sample(refreshToken) : undefined;
    if (sample && !sample.ok) return sample;
    // No access token is of a sample's session.
    if (sample && accessTokens.length === 0)
      return this.issue(sample.value.token, sample.value.turned, request);

    const read =
      refreshToken && twins
        ? await orUnavailable(() => this.twinTokens.choose([refreshToken, ...twins], request.from))
        : this.tokens.read(refreshToken);
    if (!read.ok) return read;
    const { sessionId, legacy } = read.value;
    // Before anything is spent: a refresh token that comes with a wrong access token may be in wrong hands. What comes with one
    // of another system is that system's.
    if (!legacy && !accessTokens.every((accessToken) => this.mint.isFor(sessionId, accessToken)))
      return refuse('wrong_proof', { sessionId, detail: 'access_token_other_session' });
    const standing = await this.limiter.forSession(sessionId, dryRun);
    if (standing && !standing.allowed) {
      return refuse('rate_limited', { retryAfter: standing.reset, sessionId, detail: 'session_limit' });
    }
    return orUnavailable(() => this.exchange(read.value, request));
  }

  private async exchange(presented: PresentedToken, request: RefreshRequest): Promise<Outcome<Refreshed>> {
    const { dryRun } = request;
    // Asked first: a rotation whose answer cannot be signed would cost the client a retry.
    this.mintFor(request).ready();
    const located = await this.tokens.locate(presented, { from: request.from, redeems: !dryRun });
    if (!located.ok) return located;
    const token = located.value;
    const flaw = await this.flawIn(request, token);
    if (flaw) return refuse('invalid_request', { flaws: [flaw] });
    if (dryRun || token.used === false) {
      const foreseen = await this.ratchet.foresee(token, request);
      // Who may not refresh with it does not move it in either. If its session is not there, another request just did.
      if (!foreseen.ok) {
        const mayHaveMovedIn = !dryRun && foreseen.refusal.reason === 'unknown_session';
        return mayHaveMovedIn && (await this.tokens.hasMovedIn(token))
          ? this.exchange(presented, request)
          : foreseen;
      }
      if (dryRun) return this.issue(token, foreseen.value, request);
    }
    const here = await this.tokens.moveIn(token);
    const turned = await this.ratchet.turn(here, request, request.caller ?? {});
    return turned.ok ? this.issue(here, turned.value, request) : turned;
  }

  /**
   * What is wrong with the scope and the resources of a request, if anything is. Asked before the token can be spent; but
   * one that is no good is refused, and ends its session, whatever comes with it.
   */
  private async flawIn(request: RefreshRequest, token: PresentedToken): Promise<Flaw | undefined> {
    if (request.scope === undefined && request.resources === undefined) return undefined;
    const foreseen = await this.ratchet.foresee(token, request);
    return foreseen.ok ? flawIn(request, foreseen.value.snapshot.session, this.config.audience) : undefined;
  }

  private issue(
    token: PresentedToken,
    { turn, snapshot }: Turned,
    request: RefreshRequest,
  ): Outcome<Refreshed> {
    const { dryRun, scope, resources, presenter } = request;
    const { session } = snapshot;
    const successor = {
      handle: token.handle,
      deadline: seconds(session.expiresAt),
      generation: turn.generation,
    };
    const particulars = {
      ...(scope !== undefined && { scope }),
      ...(resources !== undefined && { resources }),
      ...(presenter?.jkt !== undefined && { jkt: presenter.jkt }),
    };
    const pair = this.mintFor(request).pair(snapshot, successor, particulars);
    // A token's times are whole seconds, and the last of its session's has begun.
    if (pair.expiresIn === 0)
      return refuse('expired', { sessionId: session.id, detail: firstDeadline(session) });
    return accept({ ...pair, how: turn.kind, dryRun, session });
  }

  private mintFor({ dryRun }: RefreshRequest): TokenMint {
    return dryRun ? this.dryRuns.mint : this.mint;
  }
}
