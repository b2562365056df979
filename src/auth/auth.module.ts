import { Global, Inject, Logger, Module, type OnModuleInit } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { formatDuration } from '../config/duration.js';
import { AuthMetrics } from './auth-metrics.js';
import { AuthService } from './auth.service.js';
import { Clock, SystemClock } from './clock.js';
import { DryRuns } from './dry-runs.js';
import { IntrospectionService } from './introspection.service.js';
import { LegacyIssuer } from './legacy-issuer.js';
import { PresentedTokens } from './presented-tokens.js';
import { RateLimiter } from './rate-limiter.js';
import { Ratchet } from './ratchet.js';
import { Redemptions } from './redemptions.js';
import { RefreshTokens } from './refresh-tokens.js';
import { RevocationService } from './revocation.service.js';
import { DryRunMint, LiveMint } from './token-mint.js';
import { TwinTokens } from './twin-tokens.js';

/** The service that every contract calls. */
@Global()
@Module({
  providers: [
    AuthMetrics,
    AuthService,
    RevocationService,
    IntrospectionService,
    DryRuns,
    Ratchet,
    RateLimiter,
    RefreshTokens,
    PresentedTokens,
    LegacyIssuer,
    Redemptions,
    TwinTokens,
    LiveMint,
    DryRunMint,
    { provide: Clock, useClass: SystemClock },
  ],
  exports: [AuthService, RevocationService, IntrospectionService, Clock, RateLimiter, LiveMint],
})
export class AuthModule implements OnModuleInit {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** Tells the operator what is in force. */
  onModuleInit(): void {
    new Logger('Rotation').log(windowsOf(this.config));
  }
}

function windowsOf({ rotationGrace, recoveryWindow }: Config): string {
  if (rotationGrace === 0)
    return 'ROTATION_GRACE=0: a refresh token is good once, and a lost answer ends its session';
  const again = `a lost answer is given again within ${formatDuration(rotationGrace)}`;
  return recoveryWindow > rotationGrace
    ? `${again}, and made good within ${formatDuration(recoveryWindow)} if no answer was used`
    : `${again}; later, it ends its session`;
}
