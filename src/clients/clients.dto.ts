import { ApiProperty, ApiPropertyOptional, OmitType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { CLIENT_AUTH_METHODS, CLIENT_ID, type ClientAuthMethod } from '../core/client.js';
import type { RefreshMode } from '../core/policy.js';
import { IsSingleLine } from '../http/validation/single-line.js';
import { IsStorable } from '../http/validation/storable.js';
import { Sample } from '../http/validation/sample.js';
import { PageDto } from '../http/validation/page.dto.js';
import { LifetimesDto } from '../http/validation/lifetimes.dto.js';
import { SCOPE } from '../core/scope.js';
import { ArePublicKeys } from './public-keys.js';

/** In seconds, as ROTATION_GRACE may be at most. */
const MAX_GRACE = 60;
/** In seconds: a day, and thirty. */
export const [DEFAULT_OVERLAP, MAX_OVERLAP] = [86_400, 2_592_000];
const KEPT = ['older', 'newer'] as const;
const MODES: readonly RefreshMode[] = ['rotate', 'touch'];

/** A client to be registered. */
@Sample({ id: 'web' })
export class RegisterClientDto {
  @ApiProperty({ description: 'Its `client_id`', example: 'mobile-app' })
  @Matches(CLIENT_ID, {
    message: 'id must be 1 to 128 letters, digits, ".", "_", "~" or "-"',
  })
  id!: string;

  @ApiPropertyOptional({ description: 'What to call it, for people to read', example: 'Mobile app' })
  @IsOptional()
  @IsSingleLine(255)
  name?: string;

  @ApiPropertyOptional({
    enum: CLIENT_AUTH_METHODS,
    default: 'client_secret_basic',
    description: 'How it authenticates (RFC 7591 section 2); `none` is a public client',
  })
  @IsOptional()
  @IsIn(CLIENT_AUTH_METHODS)
  authMethod?: ClientAuthMethod;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description:
      'For private_key_jwt: its public keys, a JWK Set (RFC 7517 section 5). To replace a key, put the new one beside ' +
      'the old one for a while',
  })
  @ValidateIf(
    ({ authMethod, jwks }: RegisterClientDto) => authMethod === 'private_key_jwt' || jwks !== undefined,
  )
  @IsObject()
  @ArePublicKeys()
  @IsStorable()
  jwks?: Record<string, unknown>;

  @ApiPropertyOptional({
    enum: MODES,
    description:
      'Whether a refresh gives a new refresh token, or keeps the one there is: by default where the client uses ' +
      'private_key_jwt and DPoP (FAPI 2.0 section 5.3.2.1-9), and nowhere else. A public client keeps it only with ' +
      'dpopRequired (RFC 9700 section 2.2.2)',
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
    type: [String],
    description:
      'What it is known by as a resource server: it may introspect the access tokens whose `aud` names one of these, ' +
      'and its own',
    example: ['https://api.example.com'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsSingleLine(255, { each: true })
  audiences?: string[];

  @ApiPropertyOptional({
    type: LifetimesDto,
    description: 'Lifetimes of its sessions other than the configured ones',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => LifetimesDto)
  lifetimes?: LifetimesDto;

  @ApiPropertyOptional({
    minimum: 0,
    maximum: MAX_GRACE,
    description: 'ROTATION_GRACE for its sessions, in seconds; 0 makes a refresh token good once',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_GRACE)
  rotationGrace?: number;

  @ApiPropertyOptional({
    minimum: 0,
    description: 'RECOVERY_WINDOW for its sessions, in seconds; at most what they may be idle',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  recoveryWindow?: number;
}

/** What to change of a client: for all its sessions, but scope and lifetimes for those to come. */
@Sample({ name: 'Web app' })
export class AmendClientDto extends PickType(RegisterClientDto, [
  'name',
  'jwks',
  'refreshMode',
  'dpopRequired',
  'scope',
  'audiences',
  'lifetimes',
  'rotationGrace',
  'recoveryWindow',
]) {}

/** A secret to be made. */
@Sample({ overlap: DEFAULT_OVERLAP })
export class NewSecretDto {
  @ApiPropertyOptional({
    minimum: 0,
    maximum: MAX_OVERLAP,
    default: DEFAULT_OVERLAP,
    description:
      'For how long the secret before is good as well, in seconds; 0, after a leak, ends it at once',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_OVERLAP)
  overlap?: number;

  @ApiPropertyOptional({
    enum: KEPT,
    description:
      'Where two secrets are good already: which one stays so for the overlap. The other one ends at once',
  })
  @IsOptional()
  @IsIn(KEPT)
  keep?: 'older' | 'newer';
}

/** Which clients to list. */
export class ListClientsDto extends PageDto {}

/** A client, without its secret. */
export class ClientDto extends OmitType(RegisterClientDto, []) {
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Until when the secret before the newest one is good as well; absent if there is none',
  })
  previousSecretExpiresAt?: string;
}

/** A page of clients, by id. */
export class ClientPageDto {
  @ApiProperty({ type: [ClientDto] }) clients!: ClientDto[];
  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page; null at the end' })
  next!: string | null;
}

/** A client that was just registered, or given a new secret. */
export class RegisteredClientDto extends ClientDto {
  @ApiPropertyOptional({ description: 'Its secret, if it has one. Shown this once: only a hash is kept' })
  secret?: string;
}
