import { ApiProperty, ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { IsObject, IsOptional, Matches, MaxLength } from 'class-validator';
import { IsSingleLine } from '../http/validation/single-line.js';
import { Sample } from '../http/validation/sample.js';
import { PageDto } from '../http/validation/page.dto.js';
import { SCOPE } from '../core/scope.js';
import { AreSessionClaims } from './session-claims.js';

/** A change to a session. What is left out stays. */
@Sample({ claims: { role: 'admin' } })
export class AmendSessionDto {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description:
      'Is merged into the claims (RFC 7396): a member takes the place of that of its name, null removes it, and what is ' +
      'left out stays. null in place of the object removes all',
    example: { role: 'admin' },
  })
  @IsOptional()
  @IsObject()
  @AreSessionClaims()
  claims?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'Replaces the scope, within that of the client; null takes it away',
  })
  @IsOptional()
  @MaxLength(2048)
  @Matches(SCOPE, { message: 'scope must be values separated by single spaces' })
  scope?: string | null;
}

/** A change to all sessions of a subject. */
@Sample({ claims: { role: 'admin' } })
export class AmendSessionsDto extends PickType(AmendSessionDto, ['claims'] as const) {}

/** Whose sessions to change. */
export class AmendedSubjectDto {
  @ApiProperty({ description: 'Whose sessions', example: 'ada' })
  @IsSingleLine(255)
  subject!: string;
}

/** How many sessions were changed. */
export class AmendedDto {
  @ApiProperty({ description: 'How many live sessions there are, all changed', example: 3 })
  amended!: number;
}

/** Which sessions to list. */
export class ListSessionsDto extends PageDto {
  @ApiProperty({ description: 'Whose sessions', example: 'ada' })
  @IsSingleLine(255)
  subject!: string;
}

/** A session. Times are RFC 3339, on the database's clock. */
export class SessionDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'ada' }) subject!: string;
  @ApiProperty() clientId!: string;
  @ApiProperty({ type: String, nullable: true }) scope!: string | null;
  @ApiProperty({ type: [String] }) audience!: readonly string[];
  @ApiProperty({ type: 'object', additionalProperties: true }) claims!: object;
  @ApiProperty({ type: String, nullable: true }) device!: string | null;
  @ApiProperty({ type: [String] }) amr!: readonly string[];
  @ApiProperty({ type: String, nullable: true }) acr!: string | null;
  @ApiProperty({ format: 'date-time' }) authTime!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time', description: 'The absolute deadline' }) expiresAt!: string;
  @ApiProperty({ format: 'date-time', description: 'The idle deadline; every refresh moves it' })
  idleExpiresAt!: string;
  @ApiProperty({ description: 'The number of its newest refresh token' }) generation!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) rotatedAt!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) revokedAt!: string | null;
  @ApiProperty({ type: String, enum: ['logout', 'reuse', 'service', 'limit', null], nullable: true })
  revokedBy!: string | null;
  @ApiProperty({ description: 'Whether only its OAuth client may refresh it' }) clientBound!: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'The key whose proof every refresh needs' })
  dpopJkt!: string | null;
  @ApiProperty({ enum: ['active', 'expired', 'revoked'] }) status!: 'active' | 'expired' | 'revoked';
}

/** A page of sessions, newest first. */
export class SessionPageDto {
  @ApiProperty({ type: [SessionDto] }) sessions!: SessionDto[];
  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page; null at the end' })
  next!: string | null;
}
