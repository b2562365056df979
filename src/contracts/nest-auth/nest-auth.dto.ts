import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength, ValidateIf } from 'class-validator';
import { MFA_METHODS, type MfaMethod } from './nest-auth-extras.dto.js';

/** The body of a refresh. */
export class NestAuthRefreshTokenRequestDto {
  @ApiPropertyOptional({
    description: 'The refresh token; in cookie mode it may be left to the cookie refreshToken',
    example: 'abc123.def456',
  })
  // Not IsOptional: that would let null pass for a string.
  @ValidateIf((body: NestAuthRefreshTokenRequestDto) => body.refreshToken !== undefined)
  @MaxLength(4096)
  @IsString()
  refreshToken?: string;
}

/** What a refresh answers beside the tokens. */
export class NestAuthAnswerDto {
  @ApiPropertyOptional({ description: 'For people to read', example: 'Token refreshed successfully' })
  message?: string;

  @ApiProperty({ description: 'Whether a second factor is still due; after a refresh it never is' })
  isRequiresMfa!: boolean;

  @ApiPropertyOptional({
    enum: MFA_METHODS,
    isArray: true,
    description: 'The second factors that the user has, as the login backend said at sign-in',
  })
  mfaMethods?: MfaMethod[];

  @ApiPropertyOptional({ enum: MFA_METHODS, description: 'The second factor that the user prefers' })
  defaultMfaMethod?: MfaMethod;
}

/** The answer to a refresh in header mode. Cookie mode leaves the three tokens out. */
export class AuthWithTokensResponseDto extends NestAuthAnswerDto {
  @ApiProperty({ description: 'The new access token, a JWT. In cookie mode a cookie carries it' })
  accessToken!: string;

  @ApiProperty({ description: 'The refresh token to use from now on. In cookie mode a cookie carries it' })
  refreshToken!: string;

  @ApiPropertyOptional({ description: 'What lets this device go without a second factor' })
  trustToken?: string;
}

/** The body of every failure. */
export class NestAuthErrorDto {
  @ApiProperty({ description: 'What went wrong, for people to read' })
  message!: string;

  @ApiProperty({ description: 'What went wrong, for programs to compare', example: 'REFRESH_TOKEN_INVALID' })
  code!: string;
}
