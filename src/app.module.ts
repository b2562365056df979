import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { AuthModule } from './auth/auth.module.js';
import { ClientsModule } from './clients/clients.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import type { Mount } from './contracts/contract.js';
import { ContractsModule } from './contracts/contracts.module.js';
import type { MountedApis } from './http/mounted-apis.js';
import { RefusalFilter } from './http/errors/refusal.filter.js';
import { DtoValidation } from './http/validation/dto-validation.js';
import { KeysModule } from './keys/keys.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OpsModule } from './ops/ops.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { StoreModule } from './store/store.module.js';

/** The whole service. */
@Module({})
export class AppModule {
  static for(config: Config, mounts: readonly Mount[], apis: MountedApis): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.for(config),
        MetricsModule,
        StoreModule,
        KeysModule,
        AuthModule,
        ContractsModule.for(mounts, apis),
        SessionsModule,
        ClientsModule,
        OpsModule,
      ],
      providers: [
        { provide: APP_FILTER, useClass: RefusalFilter },
        { provide: APP_PIPE, useClass: DtoValidation },
      ],
    };
  }
}
