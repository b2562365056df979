import { Module } from '@nestjs/common';
import type { Mount } from '../contracts/contract.js';
import { MOUNTS } from '../contracts/contracts.module.js';
import { Handovers } from './handover.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** The sessions API. */
@Module({
  controllers: [SessionsController],
  providers: [
    SessionsService,
    {
      provide: Handovers,
      inject: [MOUNTS],
      useFactory: (mounts: readonly Mount[]) =>
        new Handovers(
          new Map(
            mounts.map(({ contract, cookie, definition: { extras } }) => [contract, { cookie, extras }]),
          ),
        ),
    },
  ],
})
export class SessionsModule {}
