import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIP,
  IsObject,
  IsOptional,
  IsUUID,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { IsSingleLine } from '../http/validation/single-line.js';
import { IsTimestamp } from '../http/validation/timestamp.js';
import { Sample } from '../http/validation/sample.js';
import { LifetimesDto } from '../http/validation/lifetimes.dto.js';
import { MAX_CLAIMS_BYTES } from '../core/access-token.js';
import { SCOPE } from '../core/scope.js';
import { AreSessionClaims } from './session-claims.js';
import { SessionDto } from './sessions.dto.js';

/** A session to be opened. */
@Sample({ subject: 'ada' })
export class OpenSessionDto {
  @ApiProperty({ description: 'Whose session it is: the `sub` of its access tokens', example: 'ada' })
  @IsSingleLine(255)
  subject!: string;

  @ApiPropertyOptional({
    description:
      'A registered OAuth client, which alone can refresh the session. The `client_id` of its access tokens; the name ' +
      'of the service key if left out',
    example: 'web',
  })
  @IsOptional()
  @IsSingleLine(255)
  clientId?: string;

  @ApiPropertyOptional({
    default: false,
    description:
      'Whether `clientId` is a mere name, of no registered client: whoever has its refresh token can refresh the session',
  })
  @IsOptional()
  @IsBoolean()
  unbound?: boolean;

  @ApiPropertyOptional({
    description: 'Space-separated scope values, within those of the client; those of the client if left out',
    example: 'read write',
  })
  @IsOptional()
  @MaxLength(2048)
  @Matches(SCOPE, { message: 'scope must be values separated by single spaces' })
  scope?: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'The `aud` of its access tokens; the configured one if left out',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsSingleLine(255, { each: true })
  audience?: string[];

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: `Further claims of its access tokens, up to ${MAX_CLAIMS_BYTES} bytes of JSON`,
    example: { role: 'admin' },
  })
  @IsOptional()
  @IsObject()
  @AreSessionClaims()
  claims?: Record<string, unknown>;

  @ApiPropertyOptional({
    description: 'What to call the device, for people to read',
    example: 'Firefox on Linux',
  })
  @IsOptional()
  @IsSingleLine(255)
  device?: string;

  @ApiPropertyOptional({
    description: 'The address that the subject signs in from, for the history of the session',
    example: '203.0.113.7',
  })
  @IsOptional()
  @IsIP(undefined, { message: 'address must be an IP address, such as 203.0.113.7' })
  address?: string;

  @ApiPropertyOptional({ description: 'And the User-Agent', example: 'Mozilla/5.0 (X11; Linux x86_64)' })
  @IsOptional()
  @IsSingleLine(1024)
  userAgent?: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'How the subject authenticated (RFC 8176)',
    example: ['pwd', 'otp'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsSingleLine(64, { each: true })
  amr?: string[];

  @ApiPropertyOptional({ description: 'The authentication context class', example: 'urn:example:silver' })
  @IsOptional()
  @IsSingleLine(255)
  acr?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'When the subject authenticated; now if left out',
  })
  @IsOptional()
  @IsTimestamp()
  authTime?: string;

  @ApiPropertyOptional({
    format: 'uuid',
    description:
      'The id of the session whose place this one takes, such as that of an earlier sign-in on the same device: it ends ' +
      'as this one is opened. One that is unknown, ended or of another subject is left as it is',
  })
  @IsOptional()
  @IsUUID('all')
  replaces?: string;

  @ApiPropertyOptional({
    type: LifetimesDto,
    description:
      'Lifetimes other than the configured ones, or than those of the client, of which none may be longer',
    example: { idle: 86_400 },
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => LifetimesDto)
  lifetimes?: LifetimesDto;

  @ApiPropertyOptional({
    description: 'The contract whose cookie `setCookie` is for; the first that has one if left out',
  })
  @IsOptional()
  @IsSingleLine(32)
  contract?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: true },
    description: 'What contracts are to answer beside the tokens, by contract',
    example: { 'nest-auth': { mfaMethods: ['totp'], defaultMfaMethod: 'totp' } },
  })
  @IsOptional()
  @IsObject()
  extras?: Record<string, unknown>;

  @ApiPropertyOptional({
    description:
      'For an OAuth client: the thumbprint (RFC 7638) of the key that its DPoP proofs are made with. Binds the first ' +
      'access token, and the refresh tokens of a public client; required where the client is dpopRequired',
  })
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'dpopJkt must be a SHA-256 thumbprint in base64url' })
  dpopJkt?: string;
}

/** A session that was opened, with its tokens. */
export class OpenedSessionDto {
  @ApiProperty({ type: SessionDto }) session!: SessionDto;
  @ApiProperty({ description: 'The first access token, a JWT' }) accessToken!: string;
  @ApiProperty({ description: 'How long it lives, in seconds', example: 900 }) expiresIn!: number;
  @ApiProperty({ description: 'The first refresh token' }) refreshToken!: string;
  @ApiPropertyOptional({ description: 'A Set-Cookie value that hands the refresh token to the browser' })
  setCookie?: string;
}
