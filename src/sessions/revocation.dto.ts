import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { RefusalException } from '../http/errors/http-refusal.js';
import { IsSingleLine } from '../http/validation/single-line.js';
import { IsTimestamp } from '../http/validation/timestamp.js';
import type { Spared, Whose } from '../store/session-registry.js';

/** Which sessions to end. */
export class RevokeSessionsDto {
  @ApiPropertyOptional({ description: 'Whose sessions', example: 'ada' })
  @IsOptional()
  @IsSingleLine(255)
  subject?: string;

  @ApiPropertyOptional({ description: 'In place of `subject`: the sessions that have this `clientId`' })
  @IsOptional()
  @IsSingleLine(255)
  clientId?: string;

  @ApiPropertyOptional({ enum: ['true'], description: "In place of `subject`: everybody's sessions" })
  @IsOptional()
  @IsIn(['true'], { message: 'all must be true, or left out' })
  all?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description:
      'Only those opened at this time or before, such as 2026-01-31T09:30:00Z. Not later than now, which is what it is if left out',
  })
  @IsOptional()
  @IsTimestamp()
  before?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'A session to keep' })
  @IsOptional()
  @IsUUID('all')
  except?: string;
}

/** How many sessions were ended. */
export class RevokedDto {
  @ApiProperty({ description: 'How many sessions are marked as ended', example: 3 }) revoked!: number;
  @ApiPropertyOptional({
    enum: [true],
    description: 'All of them are ended, and more than `revoked`, which are still being marked',
  })
  pending?: boolean;
}

/** Whose sessions are meant. @throws RefusalException unless it is said once: all of them only if that was meant */
export function whoseSessions({ subject, clientId, all }: RevokeSessionsDto): Whose {
  const meant: Whose[] = [
    ...(subject === undefined ? [] : [{ subject }]),
    ...(clientId === undefined ? [] : [{ clientId }]),
    ...(all === undefined ? [] : ['everybody' as const]),
  ];
  const [whose, ...more] = meant;
  if (whose && more.length === 0) return whose;
  const message = 'one of subject, clientId and all=true must say whose sessions end';
  throw new RefusalException({ reason: 'invalid_request', flaws: [{ in: 'query', message }] });
}

/** Which sessions are kept. */
export function spared({ before, except }: RevokeSessionsDto): Spared {
  return { before: before === undefined ? undefined : new Date(before), except };
}
