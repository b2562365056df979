import { generateKeyPairSync, generateKeySync, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { accessTokenClaims, seconds, type AccessTokenClaims, type Issuance } from '../core/access-token.js';
import {
  mintRefreshToken,
  newHandle,
  type RefreshToken,
  type RefreshTokenKey,
} from '../core/refresh-token.js';
import type { Answered, Snapshot } from '../core/session.js';
import { AccessTokenSigner, jwtSigner } from '../keys/access-token-signer.js';
import type { NewSession } from '../store/session-registry.js';
import { currentSpan } from '../tracing/current-trace.js';
import { AuthMetrics } from './auth-metrics.js';
import { RefreshTokens } from './refresh-tokens.js';

/** An access token and the refresh token that goes with it. */
export interface TokenPair {
  readonly accessToken: string;
  /** How long the access token lives, in seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** What is left of the session, in seconds. */
  readonly refreshTokenExpiresIn: number;
  /** What is left of it unless it is refreshed, in seconds. */
  readonly idleExpiresIn: number;
}

/** What is particular to one access token, but for its id. */
export type Particulars = Omit<Issuance, 'jti'>;

/** Mints tokens for a session. */
export abstract class TokenMint {
  constructor(protected readonly config: Config) {}

  /** Throws Unavailable if nothing could be minted just now. */
  abstract ready(): void;

  /** The tokens of a session, of which the refresh token says `refreshToken`. */
  pair(snapshot: Snapshot<Answered>, refreshToken: RefreshToken, particulars: Particulars = {}): TokenPair {
    const { session, now } = snapshot;
    const claims = accessTokenClaims(snapshot, this.config, { ...particulars, jti: randomUUID() });
    return {
      accessToken: this.accessToken(claims),
      expiresIn: Math.max(0, claims.exp - claims.iat),
      refreshToken: this.refreshToken(refreshToken),
      refreshTokenExpiresIn: secondsLeft(session.expiresAt, now),
      idleExpiresIn: secondsLeft(session.idleExpiresAt, now),
    };
  }

  protected abstract accessToken(claims: AccessTokenClaims): string;

  protected abstract refreshToken(token: RefreshToken): string;
}

/** Mints the tokens that open something. */
@Injectable()
export class LiveMint extends TokenMint {
  constructor(
    @Inject(CONFIG) config: Config,
    private readonly signer: AccessTokenSigner,
    private readonly tokens: RefreshTokens,
    private readonly metrics: AuthMetrics,
  ) {
    super(config);
  }

  override ready(): void {
    this.signer.ready();
  }

  /** Whether an access token, however long ago it expired, is one of this service's for a session. */
  isFor(sessionId: string, accessToken: string): boolean {
    return this.signer.verify(accessToken)?.sid === sessionId;
  }

  /** An access token as a session to be opened would have it, to be measured. */
  sample(session: NewSession, particulars: Particulars): string {
    const now = new Date();
    const opened = { ...session, authTime: now, expiresAt: now, idleExpiresAt: now };
    const issuance = { ...particulars, jti: randomUUID() };
    return this.signer.sign(accessTokenClaims({ session: opened, now }, this.config, issuance));
  }

  protected override accessToken(claims: AccessTokenClaims): string {
    const since = performance.now();
    const span = currentSpan()?.start('sign access token', 'internal');
    const token = this.signer.sign(claims);
    span?.end();
    this.metrics.signed((performance.now() - since) / 1_000);
    return token;
  }

  protected override refreshToken(token: RefreshToken): string {
    return this.tokens.mint(token);
  }
}

/**
 * Mints tokens for dry runs: of the same shape, and good for nothing. Their keys are made at start, kept in memory
 * and published nowhere; the access token has expired when it is issued and says `dry-run+jwt`, the refresh token has
 * a handle of no session. (The real successor would be accepted as a fast-forward.)
 */
@Injectable()
export class DryRunMint extends TokenMint {
  private readonly sign = jwtSigner(
    {
      kid: 'dry-run',
      algorithm: 'ES256',
      key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    },
    'dry-run+jwt',
  );
  private readonly refreshTokenKey: RefreshTokenKey = {
    kid: 0,
    secret: generateKeySync('hmac', { length: 256 }),
  };

  constructor(@Inject(CONFIG) config: Config) {
    super(config);
  }

  override ready(): void {
    // The keys are this process's own.
  }

  protected override accessToken(claims: AccessTokenClaims): string {
    return this.sign({ ...claims, exp: claims.iat });
  }

  protected override refreshToken(token: RefreshToken): string {
    return mintRefreshToken({ ...token, handle: newHandle() }, this.refreshTokenKey);
  }
}

function secondsLeft(deadline: Date, now: Date): number {
  return Math.max(0, seconds(deadline) - seconds(now));
}
