import { Global, Module } from '@nestjs/common';
import { AuthService } from './auth.service.js';
import { Clock, SystemClock } from './clock.js';
import { RateLimiter } from './rate-limiter.js';
import { Ratchet } from './ratchet.js';
import { RefreshTokens } from './refresh-tokens.js';
import { DryRunMint, LiveMint } from './token-mint.js';

/** The service that every contract calls. */
@Global()
@Module({
  providers: [
    AuthService,
    Ratchet,
    RateLimiter,
    RefreshTokens,
    LiveMint,
    DryRunMint,
    { provide: Clock, useClass: SystemClock },
  ],
  exports: [AuthService, Clock, RateLimiter, RefreshTokens, LiveMint],
})
export class AuthModule {}
