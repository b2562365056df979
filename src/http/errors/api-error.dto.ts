import { ApiProperty } from '@nestjs/swagger';

/** The body of every failure of this service's own APIs, and of the PLEC contract. */
export class ApiErrorResponseDto {
  @ApiProperty({ description: 'What went wrong, for people to read', example: 'Validation failed' })
  message!: string;

  @ApiProperty({
    required: false,
    description: 'What went wrong, for programs to compare',
    example: 'BAD_REQUEST',
  })
  code?: string;

  @ApiProperty({
    required: false,
    type: 'object',
    description: 'What exactly is wrong with the request: sentences by parameter',
    example: { refreshToken: ['refreshToken must be a string'] },
  } as never)
  details?: object;
}
