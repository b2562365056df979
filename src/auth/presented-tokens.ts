import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { isKeyed, readLegacyToken, type LegacyToken } from '../core/legacy-token.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import { sessionIdOf, type RefreshToken } from '../core/refresh-token.js';
import { LegacyTokens, type KnownLegacyToken } from '../store/legacy-tokens.js';
import { AuthMetrics } from './auth-metrics.js';
import { Clock } from './clock.js';
import { RateLimiter } from './rate-limiter.js';
import { Redemptions } from './redemptions.js';
import { RefreshTokens } from './refresh-tokens.js';

/** A refresh token that may be genuine, as far as can be told without I/O, and the session that follows from it. */
export interface PresentedToken extends Pick<RefreshToken, 'handle' | 'generation'> {
  readonly sessionId: string;
  /** What it may be of another system: whether it is, the database knows. Absent for one of this service. */
  readonly legacy?: readonly LegacyToken[];
  /** Of such a one that was located: whether it, or another of its session, has been used here. */
  readonly used?: boolean;
}

/** The generation of a token that the first one here has disowned. */
const BEFORE_ALL = -1;

/**
 * Reads refresh tokens as they come: of this service, or of another one that its users have moved in from. Such a token is
 * generation 0 of an ordinary session, and all that follows is the engine's.
 */
@Injectable()
export class PresentedTokens {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly tokens: RefreshTokens,
    private readonly legacyTokens: LegacyTokens,
    private readonly clock: Clock,
    private readonly limiter: RateLimiter,
    private readonly metrics: AuthMetrics,
    private readonly redemptions: Redemptions,
  ) {}

  /** Reads a token without any I/O. Refuses: missing_token, malformed_token, expired. */
  read(text: string | undefined): Outcome<PresentedToken> {
    const read = this.tokens.read(text);
    if (read.ok || read.refusal.detail !== 'foreign_prefix') return read;
    const legacy = readLegacyToken(text!, this.config.legacy.lanes, this.clock.now());
    if (legacy === 'expired') return refuse('expired', { detail: 'legacy_expired' });
    const [first] = legacy;
    if (!first) return read;
    // On every lane the handle is the same, since it follows from the token alone.
    return accept({ handle: first.handle, generation: 0, sessionId: sessionIdOf(first.handle), legacy });
  }

  /**
   * The token as it stands in the database, with the id that its session has now. Writes nothing, and does nothing for one of
   * this service. Refuses: malformed_token, unknown_session, rate_limited. Throws Unavailable.
   *
   * @param how.from the network that it came from, whose guesses are limited; absent where whoever asks may ask as often as they like
   * @param how.redeems whether one that is not known may be redeemed at its issuer: it is to be used
   */
  async locate(
    token: PresentedToken,
    { from, redeems = false }: { readonly from?: string | undefined; readonly redeems?: boolean } = {},
  ): Promise<Outcome<PresentedToken>> {
    const { legacy } = token;
    if (!legacy) return accept(token);
    const isGenuine = legacy.some(({ lane }) => isKeyed(lane));
    // What a key has signed is no guess.
    const guesser = isGenuine ? undefined : from;
    const retryAfter = guesser === undefined ? 0 : await this.limiter.untilUnknownToken(guesser);
    if (retryAfter > 0) return refuse('rate_limited', { retryAfter, detail: 'unknown_token_limit' });
    const known = await this.legacyTokens.find(lookupsOf(legacy));
    if (known) return accept(asKnown(token, known));
    const redeemable = redeems ? legacy.find((each) => each.redeemable !== undefined) : undefined;
    if (redeemable && (await this.redemptions.redeem(redeemable)) === 'opened') {
      const opened = await this.legacyTokens.find([redeemable.lookup]);
      if (opened) return accept(asKnown(token, opened));
    }
    if (guesser !== undefined) await this.limiter.unknownToken(guesser);
    if (redeemable) return refuse('malformed_token', { detail: 'legacy_refused' });
    return refuse(isGenuine ? 'unknown_session' : 'malformed_token', { detail: 'legacy_unknown' });
  }

  /** Whether a token that was located has moved in since. Throws Unavailable. */
  async hasMovedIn(token: PresentedToken): Promise<boolean> {
    return token.used === false && (await this.legacyTokens.find(lookupsOf(token.legacy!)))?.used === true;
  }

  /**
   * Has a located token that may be refreshed move in, if it is to: its session has the id that follows from the token from then
   * on. Throws Unavailable.
   */
  async moveIn(token: PresentedToken): Promise<PresentedToken> {
    if (!token.legacy || token.used !== false) return token;
    const known = await this.legacyTokens.use(lookupsOf(token.legacy), sessionIdOf(token.handle));
    if (known?.movedIn) this.metrics.movedIn();
    return known ? asKnown(token, known) : token;
  }
}

/**
 * A JWT of another system names a session, of which there may be several: once one of them is the session's here, the others
 * are disowned, as any token that another one has taken the place of: whoever holds them may have stolen them, or been stolen
 * from.
 */
function asKnown(token: PresentedToken, { sessionId, used }: KnownLegacyToken): PresentedToken {
  const isOther = used && sessionId !== sessionIdOf(token.handle);
  return { ...token, sessionId, used, generation: isOther ? BEFORE_ALL : 0 };
}

function lookupsOf(legacy: readonly LegacyToken[]): Buffer[] {
  return legacy.map(({ lookup }) => lookup);
}
