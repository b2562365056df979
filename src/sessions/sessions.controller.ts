import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  ParseUUIDPipe,
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
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AuthService } from '../auth/auth.service.js';
import { ApiErrorResponseDto } from '../http/api-error.dto.js';
import { FailedRequest } from '../http/failure.js';
import { ServiceError } from '../http/service-error.js';
import { ServiceKeyGuard, serviceKeyName } from '../http/service-key.guard.js';
import { SessionDirectory } from '../store/session-directory.js';
import { SessionStore } from '../store/session-store.js';
import { Handovers } from './handover.js';
import { readCursor, viewSession, writeCursor } from './session-view.js';
import {
  AmendSessionDto,
  InspectDto,
  InspectionDto,
  ListSessionsDto,
  OpenedSessionDto,
  OpenSessionDto,
  RevokedDto,
  RevokeSessionsDto,
  SessionDto,
  SessionPageDto,
} from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

const SessionId = (): ParameterDecorator =>
  Param('id', new ParseUUIDPipe({ exceptionFactory: () => noSession() }));
const NotFound = (): MethodDecorator =>
  ApiResponse({ status: 404, description: 'There is no such session', type: ApiErrorResponseDto });

/** The sessions API, for login backends and support. */
@ApiTags('Sessions')
@ApiBearerAuth('serviceKey')
@ApiResponse({ status: 400, description: 'The request is not as described', type: ApiErrorResponseDto })
@ApiResponse({ status: 401, description: 'The service key is missing or wrong', type: ApiErrorResponseDto })
@ApiResponse({
  status: 503,
  description: 'The database does not answer; see Retry-After',
  type: ApiErrorResponseDto,
})
@Controller('sessions')
@UseGuards(ServiceKeyGuard)
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly directory: SessionDirectory,
    private readonly store: SessionStore,
    private readonly auth: AuthService,
    private readonly handovers: Handovers,
  ) {}

  @Post()
  @ApiOperation({
    operationId: 'SessionsController_open',
    summary: 'Open a session for a subject that has signed in',
  })
  @ApiCreatedResponse({ type: OpenedSessionDto })
  async open(@Body() body: OpenSessionDto, @Req() request: FastifyRequest): Promise<OpenedSessionDto> {
    const cookie = this.handovers.cookieOf(body.contract);
    this.handovers.checkExtras(body.extras ?? {});
    const { snapshot, tokens } = await this.sessions.open(body, serviceKeyName(request));
    const { accessToken, expiresIn, refreshToken, refreshTokenExpiresIn } = tokens;
    const setCookie = cookie?.write(refreshToken, refreshTokenExpiresIn, cookie.mustBeSecure(request));
    return {
      session: viewSession(snapshot),
      accessToken,
      expiresIn,
      refreshToken,
      ...(setCookie && { setCookie }),
    };
  }

  @Get()
  @ApiOperation({
    operationId: 'SessionsController_list',
    summary: "List a subject's sessions, newest first",
  })
  @ApiOkResponse({ type: SessionPageDto })
  async list(@Query() query: ListSessionsDto): Promise<SessionPageDto> {
    const { subject, limit = 20 } = query;
    const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor);
    if (query.cursor !== undefined && !cursor) {
      throw new FailedRequest({
        reason: 'invalid_request',
        flaws: [{ in: 'query', name: 'cursor', message: 'cursor must be the next of a page before' }],
      });
    }
    const found = await this.directory.list(subject, limit + 1, cursor);
    const page = found.slice(0, limit);
    const next = found.length > limit ? writeCursor(page.at(-1)!.session) : null;
    return { sessions: page.map(viewSession), next };
  }

  @Get(':id')
  @ApiOperation({ operationId: 'SessionsController_read', summary: 'Read a session' })
  @ApiOkResponse({ type: SessionDto })
  @NotFound()
  async read(@SessionId() id: string): Promise<SessionDto> {
    return viewSession((await this.store.find(id)) ?? fail(noSession()));
  }

  @Patch(':id')
  @ApiOperation({
    operationId: 'SessionsController_amend',
    summary: 'Change claims or scope, from the next refresh on',
  })
  @ApiOkResponse({ type: SessionDto })
  @NotFound()
  async amend(@SessionId() id: string, @Body() body: AmendSessionDto): Promise<SessionDto> {
    return viewSession((await this.directory.amend(id, body)) ?? fail(noSession()));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'SessionsController_revoke',
    summary: 'End a session. Doing it twice is no error',
  })
  @ApiNoContentResponse({ description: 'The session is ended' })
  async revoke(@SessionId() id: string): Promise<void> {
    await this.store.revoke(id, 'service');
  }

  @Delete()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'SessionsController_revokeAll',
    summary: "End all of a subject's sessions, or all but one",
  })
  @ApiOkResponse({ type: RevokedDto })
  async revokeAll(@Query() { subject, except }: RevokeSessionsDto): Promise<RevokedDto> {
    return { revoked: await this.directory.revokeAll(subject, except) };
  }

  @Post('inspect')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'SessionsController_inspect',
    summary: 'What would become of a refresh token, and why. Writes nothing',
  })
  @ApiOkResponse({ type: InspectionDto })
  async inspect(@Body() { refreshToken }: InspectDto): Promise<InspectionDto> {
    const outcome = await this.auth.inspect(refreshToken);
    if (outcome.ok) {
      return { outcome: outcome.value.turn.kind, session: viewSession(outcome.value.snapshot) };
    }
    const { reason, sessionId, retryAfter = 1 } = outcome.refused;
    if (reason === 'unavailable') throw new FailedRequest({ reason, retryAfter });
    const snapshot = sessionId === undefined ? undefined : await this.store.find(sessionId);
    return { outcome: 'refused', reason, ...(snapshot && { session: viewSession(snapshot) }) };
  }
}

function noSession(): ServiceError {
  return new ServiceError(404, { message: 'There is no such session', code: 'NOT_FOUND' });
}

function fail(error: Error): never {
  throw error;
}
