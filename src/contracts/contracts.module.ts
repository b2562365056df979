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
      controllers: mounts.map(limitedController),
      providers: [
        { provide: MOUNTS, useValue: mounts },
        { provide: Voices, useValue: new Voices(mounts) },
      ],
      exports: [MOUNTS, Voices],
    };
  }
}

function limitedController(mount: Mount): Type {
  const controller = mount.definition.controller(mount);
  UseGuards(AddressLimitGuard)(controller);
  return controller;
}
