import { Global, Module } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import { SigningKeyStore } from '../store/signing-key-store.js';
import { AccessTokenSigner } from './access-token-signer.js';
import { JwksController } from './jwks.controller.js';
import { measureKeyRing } from './key-metrics.js';
import { KeyRingSigner } from './key-ring-signer.js';
import { StaticSigner } from './static-signer.js';

const DAY = 86_400_000;

/** Signing keys, by whichever of the three ways the configuration chose. */
@Global()
@Module({
  imports: [JwtModule.register({})],
  controllers: [JwksController],
  providers: [
    {
      provide: AccessTokenSigner,
      inject: [CONFIG, JwtService, SigningKeyStore, MetricsRegistry],
      useFactory: async (
        { signing, refreshTokenKeys, issuer }: Config,
        jwt: JwtService,
        store: SigningKeyStore,
        registry: MetricsRegistry,
      ): Promise<AccessTokenSigner> => {
        if (signing.kind !== 'ring') return StaticSigner.from(jwt, signing, issuer);
        const schedule = { period: signing.period, lead: Math.min(DAY, signing.period / 4) };
        const signer = new KeyRingSigner(jwt, store, refreshTokenKeys, schedule, issuer);
        measureKeyRing(registry, signer);
        return signer;
      },
    },
  ],
  exports: [AccessTokenSigner],
})
export class KeysModule {}
