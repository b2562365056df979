import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Req, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiErrorDto } from '../http/errors/api-error.dto.js';
import type { Snapshot } from '../core/session.js';
import { BodyFailures, failsWith } from '../http/errors/fails-with.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import { recordOf } from '../http/request-record.js';
import {
  mustHaveRole,
  ServiceKeyFailures,
  ServiceKeyGuard,
  serviceKeyName,
} from '../http/service-key.guard.js';
import { ForRole } from '../http/service-role.js';
import { KnownMembersGuard } from '../http/validation/known-members.guard.js';
import { noSession, OfSession, SessionId } from './session-id.js';
import { cursorIn, viewSession, writeCursor } from './session-view.js';
import { InspectDto, InspectionDto } from './inspection.dto.js';
import { OpenedSessionDto, OpenSessionDto } from './session-opening.dto.js';
import { RevokedDto, RevokeSessionsDto, spared, whoseSessions } from './revocation.dto.js';
import {
  AmendedDto,
  AmendedSubjectDto,
  AmendSessionDto,
  AmendSessionsDto,
  ListSessionsDto,
  SessionDto,
  SessionPageDto,
} from './sessions.dto.js';
import { endedSession, SessionsService } from './sessions.service.js';

const Fails = failsWith(ApiErrorDto);

/** The sessions API, for login backends and support. */
@ApiTags('Sessions')
@ApiBearerAuth('serviceKey')
@ServiceKeyFailures()
@Controller('sessions')
@UseGuards(ServiceKeyGuard, KnownMembersGuard)
@ForRole('sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Post()
  @BodyFailures(ApiErrorDto)
  @ApiOperation({
    operationId: 'SessionsController_open',
    summary: 'Open a session for a subject that has signed in',
  })
  @ApiCreatedResponse({ type: OpenedSessionDto })
  async open(@Body() body: OpenSessionDto, @Req() request: FastifyRequest): Promise<OpenedSessionDto> {
    const { snapshot, tokens, cookie } = await this.sessions.open(body, serviceKeyName(request));
    const { accessToken, expiresIn, refreshToken, idleExpiresIn } = tokens;
    if (body.replaces !== undefined) recordOf(request).replaces = body.replaces;
    const setCookie = cookie?.write(refreshToken, idleExpiresIn, cookie.mustBeSecure(request));
    return {
      session: shown(snapshot, request),
      accessToken,
      expiresIn,
      refreshToken,
      ...(setCookie && { setCookie }),
    };
  }

  @Get()
  @ForRole('sessions', 'support')
  @ApiOperation({
    operationId: 'SessionsController_list',
    summary: "List a subject's sessions, newest first",
  })
  @ApiOkResponse({ type: SessionPageDto })
  async list(@Query() query: ListSessionsDto, @Req() request: FastifyRequest): Promise<SessionPageDto> {
    const { subject, limit = 20 } = query;
    recordOf(request).subject = subject;
    const { snapshots, next } = await this.sessions.list(subject, limit, cursorIn(query));
    return { sessions: snapshots.map(viewSession), next: next ? writeCursor(next) : null };
  }

  @Get(':id')
  @ForRole('sessions', 'support')
  @ApiOperation({ operationId: 'SessionsController_read', summary: 'Read a session' })
  @ApiOkResponse({ type: SessionDto })
  @OfSession()
  async read(@SessionId() id: string, @Req() request: FastifyRequest): Promise<SessionDto> {
    recordOf(request).sessionId = id;
    return shown((await this.sessions.read(id)) ?? fail(noSession()), request);
  }

  @Patch(':id')
  @BodyFailures(ApiErrorDto)
  @ApiOperation({
    operationId: 'SessionsController_amend',
    summary: 'Change claims or scope, from the next refresh on',
  })
  @ApiOkResponse({ type: SessionDto })
  @OfSession()
  @Fails(409, 'The session is ended', endedSession('revoked by logout'))
  async amend(
    @SessionId() id: string,
    @Body() body: AmendSessionDto,
    @Req() request: FastifyRequest,
  ): Promise<SessionDto> {
    recordOf(request).sessionId = id;
    return shown(
      (await this.sessions.amend(id, body, serviceKeyName(request))) ?? fail(noSession()),
      request,
    );
  }

  @Patch()
  @BodyFailures(ApiErrorDto)
  @ApiOperation({
    operationId: 'SessionsController_amendAll',
    summary: 'Change claims of all live sessions of a subject, from the next refresh on',
  })
  @ApiOkResponse({ type: AmendedDto })
  async amendAll(
    @Query() { subject }: AmendedSubjectDto,
    @Body() body: AmendSessionsDto,
    @Req() request: FastifyRequest,
  ): Promise<AmendedDto> {
    recordOf(request).subject = subject;
    return { amended: await this.sessions.amendAll(subject, body, serviceKeyName(request)) };
  }

  @Delete(':id')
  @ForRole('sessions', 'support')
  @BodyFailures(ApiErrorDto)
  @OfSession()
  @HttpCode(204)
  @ApiOperation({
    operationId: 'SessionsController_revoke',
    summary: 'End a session. Doing it twice is no error',
  })
  @ApiNoContentResponse({ description: 'The session is ended' })
  async revoke(@SessionId() id: string, @Req() request: FastifyRequest): Promise<void> {
    recordOf(request).sessionId = id;
    const ended = await this.sessions.revoke(id, serviceKeyName(request));
    if (ended) note(ended, request);
  }

  @Delete()
  @ForRole('sessions', 'support')
  @BodyFailures(ApiErrorDto)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'SessionsController_revokeAll',
    summary: 'End the sessions of a subject, of a client id, or all, as they were at a time, or all but one',
  })
  @ApiOkResponse({ type: RevokedDto })
  async revokeAll(@Query() query: RevokeSessionsDto, @Req() request: FastifyRequest): Promise<RevokedDto> {
    const { subject, clientId } = query;
    Object.assign(recordOf(request), { ...(subject && { subject }), ...(clientId && { clientId }) });
    // Those of one person are support's to end; those of everybody, or of all who use an app, are not.
    if (subject === undefined) mustHaveRole(request, 'sessions');
    const ended = await this.sessions.revokeAll(whoseSessions(query), spared(query), serviceKeyName(request));
    if (!ended) throw inQuery('before', 'before must not be later than now, by the clock of the database');
    const { revoked, pending } = ended;
    return { revoked, ...(pending && { pending }) };
  }

  @Post('inspect')
  @ForRole('sessions', 'support')
  @BodyFailures(ApiErrorDto)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'SessionsController_inspect',
    summary: 'What would become of a refresh token, and why. Writes nothing',
  })
  @ApiOkResponse({ type: InspectionDto })
  async inspect(
    @Body() { refreshToken }: InspectDto,
    @Req() request: FastifyRequest,
  ): Promise<InspectionDto> {
    const inspected = await this.sessions.inspect(refreshToken);
    if (!inspected.ok) throw new RefusalException(inspected.refusal);
    const { snapshot, tokens, ...said } = inspected.value;
    return { ...said, ...(snapshot && { session: shown(snapshot, request), tokens: [...tokens] }) };
  }
}

function inQuery(name: string, message: string): RefusalException {
  return new RefusalException({ reason: 'invalid_request', flaws: [{ in: 'query', name, message }] });
}

/** A session as the API shows it, which the request's line of the log names. */
function shown(snapshot: Snapshot, request: FastifyRequest): SessionDto {
  note(snapshot, request);
  return viewSession(snapshot);
}

/** Has the request's line of the log name a session, whose it is, and which client's. */
function note({ session: { id: sessionId, subject, clientId } }: Snapshot, request: FastifyRequest): void {
  Object.assign(recordOf(request), { sessionId, subject, clientId });
}

function fail(error: Error): never {
  throw error;
}
