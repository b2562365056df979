import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsObject,
  IsOptional,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { CLIENT_ID, type ClientAuthMethod } from '../core/client.js';
import type { RefreshMode } from '../core/policy.js';
import { IsLine } from '../http/is-line.js';
import { LifetimesDto } from '../http/lifetimes.dto.js';
import { SCOPE } from '../http/scope.js';
import { ArePublicKeys } from './public-keys.js';

const METHODS: readonly ClientAuthMethod[] = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
];
const MODES: readonly RefreshMode[] = ['rotate', 'touch'];

/** A client to be registered. */
export class RegisterClientDto {
  @ApiProperty({ description: 'Its `client_id`', example: 'mobile-app' })
  @Matches(CLIENT_ID, {
    message: 'id must be 1 to 128 letters, digits, ".", "_", "~" or "-"',
  })
  id!: string;

  @ApiPropertyOptional({ description: 'What to call it, for people to read', example: 'Mobile app' })
  @IsOptional()
  @IsLine(255)
  name?: string;

  @ApiPropertyOptional({
    enum: METHODS,
    default: 'client_secret_basic',
    description: 'How it authenticates (RFC 7591 section 2); `none` is a public client',
  })
  @IsOptional()
  @IsIn(METHODS)
  authMethod?: ClientAuthMethod;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'For private_key_jwt: its public keys, a JWK Set (RFC 7517 section 5)',
  })
  @ValidateIf(
    ({ authMethod, jwks }: RegisterClientDto) => authMethod === 'private_key_jwt' || jwks !== undefined,
  )
  @IsObject()
  @ArePublicKeys()
  jwks?: Record<string, unknown>;

  @ApiPropertyOptional({
    enum: MODES,
    default: 'rotate',
    description:
      'Whether a refresh gives a new refresh token, or keeps the one there is (FAPI 2.0 section 5.3.2.1-9)',
  })
  @IsOptional()
  @IsIn(MODES)
  refreshMode?: RefreshMode;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether every refresh must prove possession of a key (RFC 9449)',
  })
  @IsOptional()
  @IsBoolean()
  dpopRequired?: boolean;

  @ApiPropertyOptional({
    description: 'The widest scope its sessions may have; any if left out',
    example: 'read write',
  })
  @IsOptional()
  @MaxLength(2048)
  @Matches(SCOPE, { message: 'scope must be values separated by single spaces' })
  scope?: string;

  @ApiPropertyOptional({
    type: LifetimesDto,
    description: 'Lifetimes of its sessions other than the configured ones',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => LifetimesDto)
  lifetimes?: LifetimesDto;
}

/** A client, without its secret. */
export class ClientDto extends OmitType(RegisterClientDto, []) {
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

/** A client that was just registered. */
export class RegisteredClientDto extends ClientDto {
  @ApiPropertyOptional({ description: 'Its secret, if it has one. Shown this once: only a hash is kept' })
  secret?: string;
}
