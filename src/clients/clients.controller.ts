import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Client } from '../core/client.js';
import { ApiErrorDto } from '../http/errors/api-error.dto.js';
import { BodyFailures, failsWith } from '../http/errors/fails-with.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import { ApiException } from '../http/errors/api.exception.js';
import { recordOf } from '../http/request-record.js';
import { ServiceKeyFailures, ServiceKeyGuard, serviceKeyName } from '../http/service-key.guard.js';
import { ForRole } from '../http/service-role.js';
import { KnownMembersGuard } from '../http/validation/known-members.guard.js';
import { ClientStore } from '../store/client-store.js';
import { readCursor, viewClient, writeCursor } from './client-view.js';
import { ClientsService, noSecret, twoSecrets, type Registration } from './clients.service.js';
import {
  AmendClientDto,
  ClientDto,
  ClientPageDto,
  ListClientsDto,
  NewSecretDto,
  RegisterClientDto,
  RegisteredClientDto,
} from './clients.dto.js';

const NO_CURSOR = {
  in: 'query',
  name: 'cursor',
  message: 'cursor must be the next of a page before',
} as const;
const Fails = failsWith(ApiErrorDto);
const OfClient = (): MethodDecorator => ApiParam({ name: 'id', example: 'web' });

/** Registers the clients of the OAuth contract. */
@ApiTags('Clients')
@ApiBearerAuth('serviceKey')
@ServiceKeyFailures()
@Controller('clients')
@UseGuards(ServiceKeyGuard, KnownMembersGuard)
@ForRole('clients')
export class ClientsController {
  constructor(
    private readonly registry: ClientsService,
    private readonly clients: ClientStore,
  ) {}

  @Post()
  @BodyFailures(ApiErrorDto)
  @ApiOperation({ operationId: 'ClientsController_register', summary: 'Register an OAuth client' })
  @ApiCreatedResponse({ type: RegisteredClientDto })
  @Fails(409, 'There is a client of this id', clientExists())
  async register(
    @Body() body: RegisterClientDto,
    @Req() request: FastifyRequest,
  ): Promise<RegisteredClientDto> {
    const registered = await this.registry.register(body);
    if (!registered) throw clientExists();
    return shownOnce(registered, request);
  }

  @Get()
  @ApiOperation({ operationId: 'ClientsController_list', summary: 'List the clients, by id' })
  @ApiOkResponse({ type: ClientPageDto })
  async list(@Query() { limit = 20, cursor }: ListClientsDto): Promise<ClientPageDto> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    if (cursor !== undefined && after === undefined)
      throw new RefusalException({ reason: 'invalid_request', flaws: [NO_CURSOR] });
    const { clients, last } = await this.registry.list(limit, after);
    return { clients: clients.map(viewClient), next: last ? writeCursor(last) : null };
  }

  @Get(':id')
  @OfClient()
  @ApiOperation({ operationId: 'ClientsController_read', summary: 'Read a client' })
  @ApiOkResponse({ type: ClientDto })
  @Fails(404, 'There is no such client', noClient())
  async read(@Param('id') id: string, @Req() request: FastifyRequest): Promise<ClientDto> {
    const client = await this.clients.find(id);
    if (!client) throw noClient();
    return shown(client, request);
  }

  @Patch(':id')
  @OfClient()
  @BodyFailures(ApiErrorDto)
  @ApiOperation({
    operationId: 'ClientsController_amend',
    summary: 'Change a client; its sessions go on. What is null goes back to what is configured',
  })
  @ApiOkResponse({ type: ClientDto })
  @Fails(404, 'There is no such client', noClient())
  async amend(
    @Param('id') id: string,
    @Body() body: AmendClientDto,
    @Req() request: FastifyRequest,
  ): Promise<ClientDto> {
    const amended = await this.registry.amend(id, body);
    if (!amended) throw noClient();
    return shown(amended, request);
  }

  @Post(':id/secrets')
  @OfClient()
  @BodyFailures(ApiErrorDto)
  @ApiOperation({
    operationId: 'ClientsController_replaceSecret',
    summary:
      'Make a new secret for a client, beside which the old one stays good for a while; its sessions go on',
  })
  @ApiCreatedResponse({ type: RegisteredClientDto })
  @Fails(404, 'There is no such client', noClient())
  @Fails(
    409,
    'The client has no secret, or two already and `keep` does not say which one stays',
    noSecret({ authMethod: 'private_key_jwt' }),
    twoSecrets({ previousSecretExpiresAt: new Date('2026-01-31T09:30:00Z') }),
  )
  async replaceSecret(
    @Param('id') id: string,
    @Body() body: NewSecretDto,
    @Req() request: FastifyRequest,
  ): Promise<RegisteredClientDto> {
    const registered = await this.registry.replaceSecret(id, body);
    if (!registered) throw noClient();
    return shownOnce(registered, request);
  }

  @Delete(':id/secrets/previous')
  @OfClient()
  @BodyFailures(ApiErrorDto)
  @HttpCode(204)
  @ApiOperation({
    operationId: 'ClientsController_endPreviousSecret',
    summary: 'End the secret before the newest one, before its time',
  })
  @ApiNoContentResponse({ description: 'The newest secret of the client is the only one' })
  async endPreviousSecret(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    if (await this.clients.endPreviousSecret(id)) recordOf(request).clientId = id;
  }

  @Delete(':id')
  @OfClient()
  @BodyFailures(ApiErrorDto)
  @HttpCode(204)
  @ApiOperation({ operationId: 'ClientsController_remove', summary: 'Remove a client and end its sessions' })
  @ApiNoContentResponse({ description: 'There is no such client any more' })
  async remove(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    const event = {
      kind: 'ended',
      by: 'service',
      serviceKey: serviceKeyName(request),
      with: 'client',
    } as const;
    if (await this.clients.remove(id, event)) recordOf(request).clientId = id;
  }
}

/**
 * A client as the API shows it, which the request's line of the log names: one that there is, and not whatever stood in
 * its place in a path.
 */
function shown(client: Client, request: FastifyRequest): ClientDto {
  recordOf(request).clientId = client.id;
  return viewClient(client);
}

function shownOnce({ client, secret }: Registration, request: FastifyRequest): RegisteredClientDto {
  return Object.assign(shown(client, request), secret === undefined ? {} : { secret });
}

function noClient(): ApiException {
  return new ApiException(404, { message: 'There is no such client', code: 'NOT_FOUND' });
}

function clientExists(): ApiException {
  return new ApiException(409, { message: 'There is a client of this id', code: 'CLIENT_EXISTS' });
}
