import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength, ValidateIf } from 'class-validator';

/** The body of a refresh or a logout. */
export class RefreshBodyDto {
  @ApiPropertyOptional({
    description: 'The refresh token; may be left out when the cookie refresh_token carries it',
    example: 'abc123.def456',
  })
  // Not IsOptional: that would let null pass for a string.
  @ValidateIf((body: RefreshBodyDto) => body.refreshToken !== undefined)
  @MaxLength(4096)
  @IsString()
  refreshToken?: string;
}

/** The answer to a refresh. */
export class AuthRefreshResponseDto {
  @ApiProperty({
    description: 'The new access token, a JWT',
    example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...',
  })
  accessToken!: string;

  @ApiPropertyOptional({
    description:
      'The refresh token to use from now on, if the body brought the old one; a cookie is answered by a cookie',
    'x-service-only': true,
  } as never)
  refreshToken?: string;
}

/** The body of every failure, as it was published: what `details` is made of, the service's own errors say. */
export class ApiErrorResponseDto {
  @ApiProperty({ description: 'What went wrong, for people to read', example: 'Validation failed' })
  message!: string;

  @ApiPropertyOptional({ description: 'What went wrong, for programs to compare', example: 'BAD_REQUEST' })
  code?: string;

  @ApiPropertyOptional({
    type: 'object',
    description: 'What exactly is wrong with the request: sentences by parameter',
    example: { refreshToken: ['refreshToken must be a string'] },
  } as never)
  details?: object;
}
