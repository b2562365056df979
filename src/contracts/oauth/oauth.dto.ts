import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { failsWith } from '../../http/errors/fails-with.js';

/** The body of an error (RFC 6749 section 5.2). */
@ApiSchema({ name: 'OAuthError' })
export class OAuthErrorDto {
  @ApiProperty({ example: 'invalid_grant' }) error!: string;
  @ApiPropertyOptional({ description: 'For the developer' }) error_description?: string;
}

/** Documents an error answer. */
export const Fails = failsWith(OAuthErrorDto);

class ClientFormDto {
  @ApiPropertyOptional({ description: 'The client, unless it authenticates by HTTP Basic', example: 'web' })
  client_id?: string;
  @ApiPropertyOptional({ description: 'For client_secret_post' }) client_secret?: string;
  @ApiPropertyOptional({
    enum: ['urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
    description: 'For private_key_jwt',
  })
  client_assertion_type?: string;
  @ApiPropertyOptional({ description: 'For private_key_jwt: a JWT as in RFC 7523 section 3' })
  client_assertion?: string;
}

/** The form of the token endpoint. */
@ApiSchema({ name: 'TokenForm' })
export class TokenFormDto extends ClientFormDto {
  @ApiProperty({ enum: ['refresh_token'] }) grant_type!: string;
  @ApiProperty({ description: 'The refresh token', example: 'abc123.def456' }) refresh_token!: string;
  @ApiPropertyOptional({ description: 'A narrower scope, for this access token alone' }) scope?: string;
  @ApiPropertyOptional({
    type: [String],
    description: 'Those of its audiences that this access token alone is for (RFC 8707)',
  })
  resource?: string[];
}

/** The answer of the token endpoint (RFC 6749 section 5.1). */
@ApiSchema({ name: 'TokenResponse' })
export class TokenResponseDto {
  @ApiProperty({ description: 'A JWT as in RFC 9068' }) access_token!: string;
  @ApiProperty({ enum: ['Bearer', 'DPoP'] }) token_type!: 'Bearer' | 'DPoP';
  @ApiProperty({ description: 'Seconds', example: 900 }) expires_in!: number;
  @ApiPropertyOptional({ description: 'To be used from now on; absent if the client keeps the one it has' })
  refresh_token?: string;
  @ApiPropertyOptional({ description: 'The scope of the access token' }) scope?: string;
  @ApiProperty({
    description:
      'Seconds until the refresh token expires if it is not used (draft-ietf-oauth-refresh-token-expiration)',
    example: 1209600,
  })
  refresh_token_timeout!: number;
  @ApiProperty({ description: 'Seconds until the session ends whatever happens', example: 7776000 })
  authorization_expires_in!: number;
}

/** The form of the revocation and introspection endpoints. */
@ApiSchema({ name: 'TokenParameter' })
export class TokenParameterDto extends ClientFormDto {
  @ApiProperty({ description: 'The token', example: 'abc123.def456' }) token!: string;
  @ApiPropertyOptional({ description: 'Makes no difference: a token says itself what it is' })
  token_type_hint?: string;
}

/** The answer of the introspection endpoint (RFC 7662 section 2.2). */
@ApiSchema({ name: 'IntrospectionResponse' })
export class IntrospectionResponseDto {
  @ApiProperty({ description: 'If false, nothing else is said' }) active!: boolean;
  @ApiPropertyOptional() scope?: string;
  @ApiPropertyOptional() client_id?: string;
  @ApiPropertyOptional({ enum: ['Bearer', 'DPoP'], description: 'Of an access token' }) token_type?: string;
  @ApiPropertyOptional({ description: 'Seconds since the epoch' }) exp?: number;
  @ApiPropertyOptional({ description: 'Seconds since the epoch' }) iat?: number;
  @ApiPropertyOptional() sub?: string;
  @ApiPropertyOptional({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }) aud?:
    string | readonly string[];
  @ApiPropertyOptional() iss?: string;
  @ApiPropertyOptional() jti?: string;
  @ApiPropertyOptional({ description: 'The session' }) sid?: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'The key it is bound to (RFC 9449 section 6)',
  })
  cnf?: object;
}

/** Authorization server metadata (RFC 8414 section 2). */
@ApiSchema({ name: 'AuthorizationServerMetadata' })
export class MetadataDto {
  @ApiProperty() issuer!: string;
  @ApiProperty() token_endpoint!: string;
  @ApiProperty() jwks_uri!: string;
  @ApiProperty({ type: [String] }) grant_types_supported!: string[];
  @ApiProperty({ type: [String] }) token_endpoint_auth_methods_supported!: string[];
  @ApiProperty({ type: [String] }) token_endpoint_auth_signing_alg_values_supported!: string[];
  @ApiProperty() revocation_endpoint!: string;
  @ApiProperty({ type: [String] }) revocation_endpoint_auth_methods_supported!: string[];
  @ApiProperty({ type: [String] }) revocation_endpoint_auth_signing_alg_values_supported!: string[];
  @ApiProperty() introspection_endpoint!: string;
  @ApiProperty({ type: [String] }) introspection_endpoint_auth_methods_supported!: string[];
  @ApiProperty({ type: [String] }) introspection_endpoint_auth_signing_alg_values_supported!: string[];
  @ApiProperty({ type: [String] }) dpop_signing_alg_values_supported!: string[];
  @ApiProperty({ type: [String], description: 'As in draft-ietf-oauth-refresh-token-expiration' })
  refresh_token_expiration_types_supported!: string[];
}
