import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { SessionDto } from './sessions.dto.js';

const OUTCOMES = ['rotate', 'recover', 'fast-forward', 'retry', 'coalesce', 'touch', 'refused'];

/** A refresh token to be looked at. */
export class InspectDto {
  @ApiProperty({ description: 'The refresh token', example: 'abc123.def456' })
  @MaxLength(4096)
  @IsString()
  refreshToken!: string;
}

/** A token of a session, by its generation. */
export class TokenProspectDto {
  @ApiProperty({ example: 4 }) generation!: number;
  @ApiProperty({ enum: OUTCOMES, description: 'What presenting it would come to' }) outcome!: string;
}

/** What presenting a refresh token would come to. */
export class InspectionDto {
  @ApiProperty({ enum: OUTCOMES }) outcome!: string;
  @ApiPropertyOptional({ description: 'Why it would be refused', example: 'reused' }) reason?: string;
  @ApiPropertyOptional({ description: 'More than that, as the log has it', example: 'two_behind' })
  detail?: string;
  @ApiProperty({ description: 'The same in words', example: 'It would be exchanged for a new one.' })
  text!: string;
  @ApiPropertyOptional({
    type: SessionDto,
    description: 'The session, if the token is genuine and the session is there',
  })
  session?: SessionDto;
  @ApiPropertyOptional({
    type: [TokenProspectDto],
    description:
      'The tokens of the session that are not disowned: the parent of the last exchange, and its successors',
  })
  tokens?: TokenProspectDto[];
}
