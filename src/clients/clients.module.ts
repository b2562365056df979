import { Module } from '@nestjs/common';
import { ClientsController } from './clients.controller.js';

/** The registration of OAuth clients. */
@Module({ controllers: [ClientsController] })
export class ClientsModule {}
