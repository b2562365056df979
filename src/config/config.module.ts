import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Config } from './config.js';

/** What the frozen Config is injected by: `@Inject(CONFIG) config: Config`. */
export const CONFIG = Symbol('CONFIG');

/** Makes the configuration known everywhere. */
@Global()
@Module({})
export class ConfigModule {
  static for(config: Config): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: CONFIG, useValue: config }], exports: [CONFIG] };
  }
}
