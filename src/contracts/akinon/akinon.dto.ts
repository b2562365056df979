import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';

/** The body of a refresh. */
@ApiSchema({ name: 'RefreshTokenRequest' })
export class AkinonRefreshDto {
  @ApiProperty({ description: 'The refresh token to exchange', example: 'abc123.def456' })
  @MaxLength(4096)
  @IsNotEmpty()
  @IsString()
  refreshToken!: string;
}

/** The answer to a refresh. */
@ApiSchema({ name: 'RefreshTokenResponse' })
export class AkinonTokensDto {
  @ApiProperty({ description: 'The new access token, a JWT' })
  accessToken!: string;

  @ApiProperty({ description: 'The refresh token to use from now on' })
  refreshToken!: string;
}

/** The body of a 400. */
@ApiSchema({ name: 'ValidationErrorResponse' })
export class AkinonValidationErrorDto {
  @ApiPropertyOptional({
    type: 'object',
    properties: {},
    description: 'What is wrong with the request: sentences by field',
    example: { refreshToken: ['refreshToken must be a string'] },
  } as never)
  validationError?: Record<string, string[]>;
}

/** The body of every other failure. */
@ApiSchema({ name: 'UnauthorizedError' })
export class AkinonErrorDto {
  @ApiPropertyOptional({ type: [String], description: 'What went wrong, for people to read' })
  apiError?: string[];
}
