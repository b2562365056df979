import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { accessTokenClaims, seconds, type Issuance } from '../core/access-token.js';
import {
  mintRefreshToken,
  newHandle,
  type RefreshToken,
  type RefreshTokenKey,
} from '../core/refresh-token.js';
import type { Snapshot } from '../core/session.js';
import { AccessTokenSigner, jwtSigner } from '../keys/access-token-signer.js';
import { RefreshTokens } from './refresh-tokens.js';

/** An access token and the refresh token that goes with it. */
export interface TokenPair {
  readonly accessToken: string;
  /** How long the access token lives, in seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** What is left of the session, in seconds. */
  readonly refreshTokenExpiresIn: number;
}

/** What is particular to one access token, but for its id. */
export type Particulars = Omit<Issuance, 'jti'>;

/** Mints tokens for a session. */
export abstract class TokenMint {
  /** Throws StoreUnavailable if nothing could be minted just now. */
  abstract ready(): void;

  abstract pair(snapshot: Snapshot, refreshToken: RefreshToken, particulars?: Particulars): TokenPair;
}

/** Mints the tokens that open something. */
@Injectable()
export class LiveMint extends TokenMint {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly signer: AccessTokenSigner,
    private readonly tokens: RefreshTokens,
  ) {
    super();
  }

  override ready(): void {
    this.signer.ready();
  }

  override pair(snapshot: Snapshot, refreshToken: RefreshToken, particulars: Particulars = {}): TokenPair {
    const claims = accessTokenClaims(snapshot, this.config, { ...particulars, jti: randomUUID() });
    return {
      accessToken: this.signer.sign(claims),
      expiresIn: Math.max(0, claims.exp - claims.iat),
      refreshToken: this.tokens.mint(refreshToken),
      refreshTokenExpiresIn: secondsLeft(snapshot),
    };
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
  private readonly refreshTokenKey: RefreshTokenKey = { kid: 0, secret: randomBytes(32) };

  constructor(@Inject(CONFIG) private readonly config: Config) {
    super();
  }

  override ready(): void {
    // The keys are this process's own.
  }

  override pair(snapshot: Snapshot, refreshToken: RefreshToken, particulars: Particulars = {}): TokenPair {
    const claims = accessTokenClaims(snapshot, this.config, { ...particulars, jti: randomUUID() });
    return {
      accessToken: this.sign({ ...claims, exp: claims.iat }),
      expiresIn: Math.max(0, claims.exp - claims.iat),
      refreshToken: mintRefreshToken({ ...refreshToken, handle: newHandle() }, this.refreshTokenKey),
      refreshTokenExpiresIn: secondsLeft(snapshot),
    };
  }
}

function secondsLeft({ session, now }: Snapshot): number {
  return Math.max(0, seconds(session.expiresAt) - seconds(now));
}
