import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { accept, refuse, type Outcome } from '../core/refusal.js';
import {
  kidOf,
  mintRefreshToken,
  readRefreshToken,
  sessionIdOf,
  type RefreshToken,
} from '../core/refresh-token.js';
import { AuthMetrics } from './auth-metrics.js';
import { Clock } from './clock.js';
import { OnceAMinute } from './once-a-minute.js';

/** A genuine refresh token of this service, and the session it is for. */
export interface GenuineToken extends RefreshToken {
  readonly sessionId: string;
}

/**
 * How far this machine's clock may be ahead of the database's before a live session is refused, in seconds. The
 * deadline is checked here only to save the database the work; it decides by its own clock.
 */
const CLOCK_TOLERANCE = 600;

/** Reads and mints refresh tokens with the configured keys. */
@Injectable()
export class RefreshTokens {
  private readonly logger = new Logger(RefreshTokens.name);
  private readonly onceAMinute: OnceAMinute;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
    private readonly metrics: AuthMetrics,
  ) {
    this.onceAMinute = new OnceAMinute(clock);
    for (const { kid } of config.refreshTokenKeys) metrics.expect(kid);
  }

  /** Reads a token as it came; without any I/O. Refuses: missing_token, malformed_token, expired. */
  read(text: string | undefined): Outcome<GenuineToken> {
    if (!text) return refuse('missing_token');
    const token = readRefreshToken(text, this.config.refreshTokenKeys);
    if (token === 'unknown_kid') this.warnOfKey(kidOf(text)!);
    if (typeof token === 'string') return refuse('malformed_token', { detail: token });
    this.metrics.tokenRead(kidOf(text)!);
    const sessionId = sessionIdOf(token.handle);
    const late = this.clock.now().getTime() / 1000 - token.deadline;
    if (late > CLOCK_TOLERANCE) return refuse('expired', { sessionId, detail: 'absolute_deadline' });
    return accept({ ...token, sessionId });
  }

  /** Anyone may name a kid; but if clients go on and on, a key was dropped that their tokens are of. */
  private warnOfKey(kid: number): void {
    this.onceAMinute.do(() =>
      this.logger.warn({
        msg:
          'a refresh token came whose key is not in REFRESH_TOKEN_KEYS. If there was one of this kid, put it back, behind ' +
          'the first, for as long as sessions live: until then, whoever has such a token is signed out',
        kid,
      }),
    );
  }

  /** The text of a token, under the first key. */
  mint(token: RefreshToken): string {
    return mintRefreshToken(token, this.config.refreshTokenKeys[0]);
  }
}
