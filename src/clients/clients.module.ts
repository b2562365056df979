import { Module } from '@nestjs/common';
import { ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';

/** The registration of OAuth clients. */
@Module({ controllers: [ClientsController], providers: [ClientsService] })
export class ClientsModule {}
