import { Controller, Delete, Get, HttpCode, Param, Query, Req, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { isText } from '../../core/one-line.js';
import { ApiErrorDto } from '../../http/errors/api-error.dto.js';
import { BodyFailures } from '../../http/errors/fails-with.js';
import { RefusalException } from '../../http/errors/http-refusal.js';
import { recordOf } from '../../http/request-record.js';
import { ServiceKeyFailures, ServiceKeyGuard } from '../../http/service-key.guard.js';
import { ForRole } from '../../http/service-role.js';
import { KnownMembersGuard } from '../../http/validation/known-members.guard.js';
import { PageDto } from '../../http/validation/page.dto.js';
import type { HistoryOf, ToldEvent } from '../../store/session-history.js';
import { noSession, OfSession, SessionId } from '../session-id.js';
import { SessionsService } from '../sessions.service.js';
import { eventInWords } from './event-words.js';
import { ForgottenDto, HistoryPageDto, type SessionEventDto } from './history.dto.js';
import { HistoryService } from './history.service.js';

/** What happened to sessions, for support; and that a person is forgotten. */
@ApiTags('Sessions')
@ApiBearerAuth('serviceKey')
@ServiceKeyFailures()
@Controller()
@UseGuards(ServiceKeyGuard, KnownMembersGuard)
@ForRole('sessions', 'support')
export class HistoryController {
  constructor(
    private readonly history: HistoryService,
    private readonly sessions: SessionsService,
  ) {}

  @Get('sessions/:id/history')
  @ApiOperation({
    operationId: 'HistoryController_ofSession',
    summary: 'What happened to a session, newest first; ordinary refreshes are not told',
  })
  @ApiOkResponse({ type: HistoryPageDto })
  @OfSession('There is no such session, and was none that is remembered')
  async ofSession(
    @SessionId() sessionId: string,
    @Query() query: PageDto,
    @Req() request: FastifyRequest,
  ): Promise<HistoryPageDto> {
    recordOf(request).sessionId = sessionId;
    const page = await this.page({ sessionId }, query);
    // One that was opened before there were histories, or imported, may have none.
    if (page.events.length === 0 && !(await this.sessions.read(sessionId))) throw noSession();
    return page;
  }

  @Get('subjects/:subject/history')
  @ApiOperation({
    operationId: 'HistoryController_ofSubject',
    summary: "What happened to all of a subject's sessions, newest first",
  })
  @ApiParam({ name: 'subject', example: 'ada' })
  @ApiOkResponse({ type: HistoryPageDto })
  async ofSubject(
    @Param('subject') subject: string,
    @Query() query: PageDto,
    @Req() request: FastifyRequest,
  ): Promise<HistoryPageDto> {
    mustBeSubject(subject);
    recordOf(request).subject = subject;
    return this.page({ subject }, query);
  }

  @Delete('subjects/:subject')
  @ForRole('sessions')
  @BodyFailures(ApiErrorDto)
  @HttpCode(200)
  @ApiOperation({
    operationId: 'HistoryController_forget',
    summary: 'Forget a subject: delete its sessions, live ones too, and their histories',
  })
  @ApiParam({ name: 'subject', example: 'ada' })
  @ApiOkResponse({ type: ForgottenDto })
  async forget(@Param('subject') subject: string, @Req() request: FastifyRequest): Promise<ForgottenDto> {
    mustBeSubject(subject);
    recordOf(request).subject = subject;
    return { complete: await this.history.forget(subject) };
  }

  private async page(of: HistoryOf, { limit = 20, cursor }: PageDto): Promise<HistoryPageDto> {
    if (cursor !== undefined && !/^\d{1,18}$/.test(cursor))
      throw invalid('query', 'cursor', 'cursor must be the next of a page before');
    const { events, next } = await this.history.page(
      of,
      limit,
      cursor === undefined ? undefined : BigInt(cursor),
    );
    return { events: events.map(viewEvent), next: next === undefined ? null : String(next) };
  }
}

/** An event as the API shows it. */
function viewEvent({ sessionId, at, event }: ToldEvent): SessionEventDto {
  return { sessionId, at: at.toISOString(), text: eventInWords(event), ...event };
}

function mustBeSubject(subject: string): void {
  if (!isText(subject))
    throw invalid(
      'path',
      'subject',
      'subject must be 1 to 255 characters, and none of them a control character',
    );
}

function invalid(place: 'path' | 'query', name: string, message: string): RefusalException {
  return new RefusalException({ reason: 'invalid_request', flaws: [{ in: place, name, message }] });
}
