import {
  applyDecorators,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Query,
  Req,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { keptOf } from '../../auth/kept-caller.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import type { Session } from '../../core/session.js';
import type { Revoking } from '../../core/session-event.js';
import { AddressLimitGuard } from '../../http/address-limit.guard.js';
import { callerOf } from '../../http/client-address.js';
import { ApiErrorDto } from '../../http/errors/api-error.dto.js';
import { BodyFailures, failsWith } from '../../http/errors/fails-with.js';
import { KnownMembersGuard } from '../../http/validation/known-members.guard.js';
import { PageDto } from '../../http/validation/page.dto.js';
import { noSession, OfSession, SessionId } from '../session-id.js';
import { RevokedDto } from '../revocation.dto.js';
import { SessionsService } from '../sessions.service.js';
import { cursorIn, writeCursor } from '../session-view.js';
import { AccessTokenGuard, callersSession, noScope, noToken, wrongToken } from './access-token.guard.js';
import { DevicesDto, type DeviceDto } from './devices.dto.js';

const Fails = failsWith(ApiErrorDto);
const Failures = (): ClassDecorator =>
  applyDecorators(
    Fails(400, 'The request is not as described'),
    Fails(401, 'The access token is missing, or not good here', noToken(), wrongToken()),
    Fails(403, 'The session is an OAuth client’s, without the scope for it', noScope()),
    Fails(429, 'Too many requests from this address; see Retry-After'),
    Fails(503, 'The database does not answer; see Retry-After'),
  );

/** The signed-in person's own sessions: "your devices". */
@ApiTags('Your devices')
@ApiBearerAuth('accessToken')
@Failures()
@Controller('auth/sessions')
@UseGuards(AddressLimitGuard, AccessTokenGuard, KnownMembersGuard)
export class DevicesController {
  constructor(
    private readonly sessions: SessionsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get()
  @ApiOperation({ operationId: 'DevicesController_list', summary: 'List one’s live sessions, newest first' })
  @ApiOkResponse({ type: DevicesDto })
  async list(@Query() query: PageDto, @Req() request: FastifyRequest): Promise<DevicesDto> {
    const own = callersSession(request);
    const { limit = 20 } = query;
    const { snapshots, next } = await this.sessions.listLive(own.subject, limit, cursorIn(query));
    return {
      sessions: snapshots.map(({ session }) => this.view(session, own)),
      next: next ? writeCursor(next) : null,
    };
  }

  @Delete(':id')
  @BodyFailures(ApiErrorDto)
  @HttpCode(204)
  @ApiOperation({
    operationId: 'DevicesController_revoke',
    summary: 'End one of one’s sessions. Doing it twice is no error',
  })
  @ApiNoContentResponse({ description: 'The session is ended' })
  @OfSession('One has no such session')
  async revoke(@SessionId() id: string, @Req() request: FastifyRequest): Promise<void> {
    const own = callersSession(request);
    const found = await this.sessions.read(id);
    // Another's is none, and not even that it is there is said.
    if (found?.session.subject !== own.subject) throw noSession();
    await this.sessions.revokeBy(id, this.ending(request));
  }

  @Delete()
  @BodyFailures(ApiErrorDto)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'DevicesController_revokeOthers',
    summary: 'End all of one’s sessions but the one that asks',
  })
  @ApiOkResponse({ type: RevokedDto })
  async revokeOthers(@Req() request: FastifyRequest): Promise<RevokedDto> {
    const { id, subject } = callersSession(request);
    const { revoked, pending } = await this.sessions.revokeOthers(subject, id, this.ending(request));
    return { revoked, ...(pending && { pending }) };
  }

  private ending(request: FastifyRequest): Revoking {
    return {
      ...{ kind: 'ended', by: 'logout', from: callersSession(request).id },
      ...keptOf(callerOf(request), this.config.history.callers),
    };
  }

  private view(session: Session, own: Session): DeviceDto {
    const { id, device, clientId, createdAt, rotatedAt } = session;
    return {
      ...{ id, device, clientId },
      createdAt: createdAt.toISOString(),
      lastUsedAt: beginningOf(rotatedAt ?? createdAt, this.config.lastUsedPrecision).toISOString(),
      current: id === own.id,
    };
  }
}

const MILLISECONDS = { day: 86_400_000, hour: 3_600_000, exact: 1 } as const;

function beginningOf(time: Date, precision: Config['lastUsedPrecision']): Date {
  return new Date(time.getTime() - (time.getTime() % MILLISECONDS[precision]));
}
