import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { EndedWith, SessionEvent } from '../../core/session-event.js';

const KINDS: readonly SessionEvent['kind'][] = [
  ...(['opened', 'moved_in', 'amended', 'recovered', 'fast_forwarded', 'ended', 'deleted'] as const),
];
const ENDED_WITH: readonly EndedWith[] = ['subject', 'client_id', 'everybody', 'client'];

/** Something that happened to a session, other than an ordinary refresh. */
export class SessionEventDto {
  @ApiProperty({ format: 'uuid' }) sessionId!: string;
  @ApiProperty({ format: 'date-time', description: 'When, on the database’s clock' }) at!: string;
  @ApiProperty({ enum: KINDS }) kind!: SessionEvent['kind'];
  @ApiProperty({ description: 'The same in words', example: 'Ended by a logout.' }) text!: string;
  @ApiPropertyOptional({
    enum: ['logout', 'reuse', 'service', 'limit', 'expiry'],
    description: 'ended: what ended it',
  })
  by?: string;
  @ApiPropertyOptional({ description: 'The service key that asked for it' }) serviceKey?: string;
  @ApiPropertyOptional({ description: 'opened: the client that the session is of' }) clientId?: string;
  @ApiPropertyOptional({ type: String, nullable: true, description: 'opened: what the device is called' })
  device?: string | null;
  @ApiPropertyOptional({
    description: 'Where the request came from; or the network, unless HISTORY_CALLERS says otherwise',
    example: '203.0.113.0/24',
  })
  address?: string;
  @ApiPropertyOptional({ description: 'Its User-Agent' }) userAgent?: string;
  @ApiPropertyOptional({ description: 'The number of the refresh token that came' }) presented?: number;
  @ApiPropertyOptional({ description: 'The number of the newest one then' }) newest?: number;
  @ApiPropertyOptional({ description: 'How long after the last exchange it came, in seconds' })
  lateBy?: number;
  @ApiPropertyOptional({ description: 'ended by reuse: why, as the log says it', example: 'two_behind' })
  detail?: string;
  @ApiPropertyOptional({ type: [String], description: 'amended: what' }) changed?: readonly string[];
  @ApiPropertyOptional({ enum: ENDED_WITH, description: 'ended: with whose other sessions' }) with?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'ended: with those that were opened until then' })
  before?: string;
  @ApiPropertyOptional({ format: 'uuid', description: 'opened: the session whose place it took' })
  replaces?: string;
  @ApiPropertyOptional({ format: 'uuid', description: 'ended: the session that took its place' })
  replacedBy?: string;
  @ApiPropertyOptional({
    format: 'uuid',
    description: 'ended by logout: another session, which asked for it',
  })
  from?: string;
  @ApiPropertyOptional({ description: 'ended by limit: how many sessions are allowed' }) limit?: number;
  @ApiPropertyOptional({ enum: ['absolute_deadline', 'idle_deadline'], description: 'ended by expiry' })
  deadline?: string;
}

/** A page of a history, newest first. */
export class HistoryPageDto {
  @ApiProperty({ type: [SessionEventDto] }) events!: SessionEventDto[];
  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page; null at the end' })
  next!: string | null;
}

/** What was forgotten of a subject. */
export class ForgottenDto {
  @ApiProperty({ description: 'Whether nothing is kept any more; if not, ask again', example: true })
  complete!: boolean;
}
