import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { ClientStore } from './client-store.js';
import { Database } from './database.js';
import { PrismaClientStore } from './prisma-client-store.js';
import { PrismaSessionDirectory } from './prisma-session-directory.js';
import { PrismaSessionStore } from './prisma-session-store.js';
import { PrismaSigningKeyStore } from './prisma-signing-key-store.js';
import { PrismaUsedJtis } from './prisma-used-jtis.js';
import { SessionDirectory } from './session-directory.js';
import { SessionStore } from './session-store.js';
import { SigningKeyStore } from './signing-key-store.js';
import { UsedJtis } from './used-jtis.js';
import { prepareSchema } from './schema-check.js';

/** The database, as the ports that the rest of the service knows. */
@Global()
@Module({
  providers: [
    { provide: Database, inject: [CONFIG], useFactory: ({ database }: Config) => Database.open(database) },
    {
      provide: SessionStore,
      inject: [Database, CONFIG],
      useFactory: (database: Database, { batchSize }: Config) => new PrismaSessionStore(database, batchSize),
    },
    { provide: SessionDirectory, useClass: PrismaSessionDirectory },
    { provide: SigningKeyStore, useClass: PrismaSigningKeyStore },
    { provide: ClientStore, useClass: PrismaClientStore },
    { provide: UsedJtis, useClass: PrismaUsedJtis },
  ],
  exports: [Database, SessionStore, SessionDirectory, SigningKeyStore, ClientStore, UsedJtis],
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
