import { Global, Module, UseGuards, type DynamicModule, type Type } from '@nestjs/common';
import { AddressLimitGuard } from '../http/address-limit.guard.js';
import { Voices } from '../http/voices.js';
import type { Mount } from './contract.js';

/** What the mounted contracts are injected by: `@Inject(MOUNTS) mounts: readonly Mount[]`. */
export const MOUNTS = Symbol('MOUNTS');

/** The mounted contracts' controllers. */
@Global()
@Module({})
export class ContractsModule {
  static for(mounts: readonly Mount[]): DynamicModule {
    return {
      module: ContractsModule,
      controllers: mounts.flatMap(limitedControllers),
      providers: [
        ...mounts.flatMap((mount) => mount.definition.providers ?? []),
        { provide: MOUNTS, useValue: mounts },
        { provide: Voices, useValue: new Voices(mounts) },
      ],
      exports: [MOUNTS, Voices],
    };
  }
}

function limitedControllers(mount: Mount): Type[] {
  const controllers = mount.definition.controllers(mount);
  for (const controller of controllers) UseGuards(AddressLimitGuard)(controller);
  return controllers;
}
