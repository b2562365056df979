import { Global, Module, type DynamicModule } from '@nestjs/common';
import { MountedApis } from '../http/mounted-apis.js';
import { controllersOf } from './contract-controller.js';
import type { Mount } from './contract.js';

/** What the mounted contracts are injected by: `@Inject(MOUNTS) mounts: readonly Mount[]`. */
export const MOUNTS = Symbol('MOUNTS');

/** The mounted contracts' controllers. */
@Global()
@Module({})
export class ContractsModule {
  static for(mounts: readonly Mount[], apis: MountedApis): DynamicModule {
    return {
      module: ContractsModule,
      controllers: mounts.flatMap(controllersOf),
      providers: [
        ...mounts.flatMap((mount) => mount.definition.providers ?? []),
        { provide: MOUNTS, useValue: mounts },
        { provide: MountedApis, useValue: apis },
      ],
      exports: [MOUNTS, MountedApis],
    };
  }
}
