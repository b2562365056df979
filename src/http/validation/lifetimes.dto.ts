import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { MAX_ACCESS_TOKEN_TTL } from '../../core/access-token.js';

const TEN_YEARS = 315_360_000;

/** Lifetimes of a session that differ from the configured ones. */
export class LifetimesDto {
  @ApiPropertyOptional({
    description: 'How long an access token lives, in seconds',
    minimum: 1,
    maximum: MAX_ACCESS_TOKEN_TTL,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ACCESS_TOKEN_TTL)
  accessToken?: number;

  @ApiPropertyOptional({
    description: 'How long the session lives without a refresh, in seconds',
    minimum: 1,
    maximum: TEN_YEARS,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(TEN_YEARS)
  idle?: number;

  @ApiPropertyOptional({
    description: 'How long the session lives at the most, in seconds',
    minimum: 1,
    maximum: TEN_YEARS,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(TEN_YEARS)
  max?: number;
}
