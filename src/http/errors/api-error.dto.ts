import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** The body of every failure of this service's own APIs. */
export class ApiErrorDto {
  @ApiProperty({ description: 'What went wrong, for people to read', example: 'Validation failed' })
  message!: string;

  @ApiPropertyOptional({ description: 'What went wrong, for programs to compare', example: 'BAD_REQUEST' })
  code?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    description: 'What exactly is wrong with the request: sentences by parameter',
    example: { subject: ['subject must be a string'] },
  })
  details?: Record<string, string[]>;
}
