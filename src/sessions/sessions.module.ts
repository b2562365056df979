import { Module } from '@nestjs/common';
import type { Mount } from '../contracts/contract.js';
import { MOUNTS } from '../contracts/contracts.module.js';
import { HANDOVER_COOKIE, SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** The sessions API. */
@Module({
  controllers: [SessionsController],
  providers: [
    SessionsService,
    {
      provide: HANDOVER_COOKIE,
      inject: [MOUNTS],
      useFactory: (mounts: readonly Mount[]) => mounts.find((mount) => mount.cookie)?.cookie,
    },
  ],
})
export class SessionsModule {}
