import { createHash, randomBytes } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Client } from '../core/client.js';
import { ApiErrorResponseDto } from '../http/api-error.dto.js';
import { ServiceError } from '../http/service-error.js';
import { ServiceKeyGuard } from '../http/service-key.guard.js';
import { ClientStore } from '../store/client-store.js';
import { ClientDto, RegisterClientDto, RegisteredClientDto } from './clients.dto.js';

const Fails = (status: number, description: string): MethodDecorator & ClassDecorator =>
  ApiResponse({ status, description, type: ApiErrorResponseDto });

/** Registers the clients of the OAuth contract. */
@ApiTags('Clients')
@ApiBearerAuth('serviceKey')
@Fails(400, 'The request is not as described')
@Fails(401, 'The service key is missing or wrong')
@Fails(503, 'The database does not answer; see Retry-After')
@Controller('clients')
@UseGuards(ServiceKeyGuard)
export class ClientsController {
  constructor(private readonly clients: ClientStore) {}

  @Post()
  @ApiOperation({ operationId: 'ClientsController_register', summary: 'Register an OAuth client' })
  @ApiCreatedResponse({ type: RegisteredClientDto })
  @Fails(409, 'There is a client of this id')
  async register(@Body() body: RegisterClientDto): Promise<RegisteredClientDto> {
    const authMethod = body.authMethod ?? 'client_secret_basic';
    const secret = authMethod.startsWith('client_secret') ? randomBytes(32).toString('base64url') : undefined;
    const client: Omit<Client, 'createdAt'> = {
      id: body.id,
      name: body.name ?? null,
      authMethod,
      // A secret of 256 random bits needs no slow hash: there is nothing to guess.
      secretHash: secret === undefined ? null : createHash('sha256').update(secret).digest(),
      jwks: authMethod === 'private_key_jwt' ? body.jwks! : null,
      refreshMode: body.refreshMode ?? 'rotate',
      dpopRequired: body.dpopRequired ?? false,
      scope: body.scope ?? null,
      accessTokenTtl: body.lifetimes?.accessToken ?? null,
      idleTtl: body.lifetimes?.idle ?? null,
      maxTtl: body.lifetimes?.max ?? null,
    };
    if (!(await this.clients.add(client))) {
      throw new ServiceError(409, { message: 'There is a client of this id', code: 'CLIENT_EXISTS' });
    }
    const registered = view((await this.clients.find(client.id))!);
    return secret === undefined ? registered : Object.assign(registered, { secret });
  }

  @Get()
  @ApiOperation({ operationId: 'ClientsController_list', summary: 'List the clients' })
  @ApiOkResponse({ type: [ClientDto] })
  async list(): Promise<ClientDto[]> {
    return (await this.clients.list()).map(view);
  }

  @Get(':id')
  @ApiOperation({ operationId: 'ClientsController_read', summary: 'Read a client' })
  @ApiOkResponse({ type: ClientDto })
  @Fails(404, 'There is no such client')
  async read(@Param('id') id: string): Promise<ClientDto> {
    const client = await this.clients.find(id);
    if (!client) throw new ServiceError(404, { message: 'There is no such client', code: 'NOT_FOUND' });
    return view(client);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ operationId: 'ClientsController_remove', summary: 'Remove a client and end its sessions' })
  @ApiNoContentResponse({ description: 'There is no such client any more' })
  async remove(@Param('id') id: string): Promise<void> {
    await this.clients.remove(id);
  }
}

function view(client: Client): ClientDto {
  const { name, jwks, scope, accessTokenTtl, idleTtl, maxTtl } = client;
  const lifetimes = {
    ...(accessTokenTtl !== null && { accessToken: accessTokenTtl }),
    ...(idleTtl !== null && { idle: idleTtl }),
    ...(maxTtl !== null && { max: maxTtl }),
  };
  return {
    id: client.id,
    ...(name !== null && { name }),
    authMethod: client.authMethod,
    ...(jwks !== null && { jwks: { ...jwks } }),
    refreshMode: client.refreshMode,
    dpopRequired: client.dpopRequired,
    ...(scope !== null && { scope }),
    ...(Object.keys(lifetimes).length > 0 && { lifetimes }),
    createdAt: client.createdAt.toISOString(),
  };
}
