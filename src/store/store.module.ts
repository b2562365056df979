import {
  Global,
  Inject,
  Module,
  type InjectionToken,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { isWorker } from '../workers/ask-primary.js';
import { BulkRevocations } from './bulk-revocations.js';
import { ClientStore } from './client-store.js';
import { Database } from './database/database.js';
import { PrismaBulkRevocations } from './prisma/prisma-bulk-revocations.js';
import { PrismaClientStore } from './prisma/prisma-client-store.js';
import { PrismaLegacyTokens } from './prisma/prisma-legacy-tokens.js';
import { PrismaRateCounts } from './prisma/prisma-rate-counts.js';
import { PrismaSessionHistory } from './prisma/prisma-session-history.js';
import { PrismaSessionImport } from './prisma/prisma-session-import.js';
import { PrismaSessionRegistry } from './prisma/prisma-session-registry.js';
import { PrismaSessionStore } from './prisma/prisma-session-store.js';
import { PrismaSigningKeyStore } from './prisma/prisma-signing-key-store.js';
import { PrismaUsedJtis } from './prisma/prisma-used-jtis.js';
import { LegacyTokens } from './legacy-tokens.js';
import { PrimaryRateCounts } from './primary-rate-counts.js';
import { RateCounts } from './rate-counts.js';
import { SessionHistory } from './session-history.js';
import { SessionImport } from './session-import.js';
import { SessionRegistry } from './session-registry.js';
import { SessionStore } from './session-store.js';
import { SigningKeyStore } from './signing-key-store.js';
import { StoreMetrics } from './store-metrics.js';
import { traced } from './traced.js';
import { UsedJtis } from './used-jtis.js';
import { prepareSchema } from './database/schema-check.js';

/** The database, as the ports that the rest of the service knows. */
@Global()
@Module({
  providers: [
    StoreMetrics,
    {
      provide: Database,
      inject: [CONFIG, StoreMetrics],
      useFactory: ({ database }: Config, metrics: StoreMetrics) => Database.open(database, { metrics }),
    },
    {
      provide: SessionStore,
      inject: [Database, CONFIG, StoreMetrics],
      useFactory: (database: Database, config: Config, metrics: StoreMetrics) =>
        traced(config, new PrismaSessionStore(database, config.batchSize, metrics), 'sessions'),
    },
    PrismaBulkRevocations,
    { provide: BulkRevocations, useExisting: PrismaBulkRevocations },
    {
      provide: SessionRegistry,
      inject: [Database, PrismaBulkRevocations, CONFIG, StoreMetrics],
      useFactory: (database: Database, bulk: PrismaBulkRevocations, config: Config, metrics: StoreMetrics) =>
        traced(config, new PrismaSessionRegistry(database, bulk, config.batchSize, metrics), 'sessions'),
    },
    ...tracedPort(SessionHistory, PrismaSessionHistory, 'session_events'),
    { provide: SigningKeyStore, useClass: PrismaSigningKeyStore },
    ...tracedPort(ClientStore, PrismaClientStore, 'clients'),
    ...tracedPort(UsedJtis, PrismaUsedJtis, 'used_jtis'),
    ...tracedPort(LegacyTokens, PrismaLegacyTokens, 'legacy_tokens'),
    {
      provide: SessionImport,
      inject: [Database, CONFIG],
      useFactory: (database: Database, config: Config) =>
        traced(config, new PrismaSessionImport(database), 'sessions'),
    },
    {
      provide: RateCounts,
      inject: [Database, CONFIG],
      useFactory: (database: Database, config: Config) =>
        isWorker && config.rateLimits.store === 'memory'
          ? traced<RateCounts>(config, new PrimaryRateCounts(), 'rate_counts', 'internal')
          : traced<RateCounts>(config, new PrismaRateCounts(database), 'rate_counts'),
    },
  ],
  exports: [
    Database,
    SessionStore,
    SessionRegistry,
    BulkRevocations,
    SessionHistory,
    SigningKeyStore,
    ClientStore,
    UsedJtis,
    LegacyTokens,
    SessionImport,
    RateCounts,
  ],
})
export class StoreModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
  ) {}

  async onModuleInit(): Promise<void> {
    await prepareSchema(this.database, this.config.database);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}

/** `useClass`, and the port that it keeps, traced. */
function tracedPort(provide: InjectionToken, useClass: Type<object>, table: string): Provider[] {
  const useFactory = (port: object, config: Config): object => traced(config, port, table);
  return [useClass, { provide, inject: [useClass, CONFIG], useFactory }];
}
