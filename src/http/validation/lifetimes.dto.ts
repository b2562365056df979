import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { parseDuration } from '../../config/duration.js';
import { MAX_ACCESS_TOKEN_TTL } from '../../core/access-token.js';

const TEN_YEARS = 315_360_000;

/** Lifetimes of a session that differ from the configured ones: in seconds, or as the settings write them. */
export class LifetimesDto {
  @Lifetime('How long an access token lives', MAX_ACCESS_TOKEN_TTL)
  accessToken?: number;

  @Lifetime('How long the session lives without a refresh', TEN_YEARS)
  idle?: number;

  @Lifetime('How long the session lives at the most', TEN_YEARS)
  max?: number;
}

function Lifetime(description: string, most: number): PropertyDecorator {
  const message = `$property must be whole seconds from 1 to ${most}, or a duration such as 15m or 14d`;
  return applyDecorators(
    ApiPropertyOptional({
      description: `${description}: in seconds, or as 30s, 15m, 12h or 14d`,
      oneOf: [
        { type: 'integer', minimum: 1, maximum: most },
        { type: 'string', pattern: '^\\d{1,9}(ms|s|m|h|d)$' },
      ],
    }),
    IsOptional(),
    Transform(({ value }: { value: unknown }) => secondsIn(value)),
    IsInt({ message }),
    Min(1, { message }),
    Max(most, { message }),
  );
}

function secondsIn(value: unknown): unknown {
  const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined;
  return milliseconds === undefined ? value : milliseconds / 1000;
}
