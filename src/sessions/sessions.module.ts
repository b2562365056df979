import { Module } from '@nestjs/common';
import type { Mount } from '../contracts/contract.js';
import { MOUNTS } from '../contracts/contracts.module.js';
import { ClientBounds } from './client-bounds.js';
import { ContractExtras } from './contract-extras.js';
import { ConsoleSessions } from './console/console-session.js';
import { ConsoleController } from './console/console.controller.js';
import { LivePicture } from './console/live-picture.js';
import { DevicesController } from './devices/devices.controller.js';
import { HistoryController } from './history/history.controller.js';
import { HistoryService } from './history/history.service.js';
import { SessionOpening } from './session-opening.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

/** The sessions API. */
@Module({
  controllers: [SessionsController, HistoryController, DevicesController, ConsoleController],
  providers: [
    SessionsService,
    HistoryService,
    ConsoleSessions,
    LivePicture,
    SessionOpening,
    ClientBounds,
    {
      provide: ContractExtras,
      inject: [MOUNTS],
      useFactory: (mounts: readonly Mount[]) =>
        new ContractExtras(
          new Map(
            mounts.map(({ contract, cookie, accessCookie, definition: { extras } }) => [
              contract,
              { cookie, accessCookie, extras },
            ]),
          ),
        ),
    },
  ],
})
export class SessionsModule {}
