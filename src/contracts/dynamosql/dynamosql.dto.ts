import { ApiExtraModels, ApiPropertyOptional, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import { IsString, MaxLength, ValidateIf } from 'class-validator';

/** The body of a refresh. */
export class AuthRefreshBodyDto {
  // Not IsOptional: that would let null pass for a string. That it is missing, the engine says.
  @ValidateIf((body: AuthRefreshBodyDto) => body.refreshToken !== undefined)
  // Asked from the bottom up, and the first that says no is heard.
  @MaxLength(4096)
  @IsString()
  refreshToken?: string;
}

/** AuthRefreshBodyDto for the document, which has no name for it. */
export const REFRESH_BODY = {
  type: 'object',
  required: ['refreshToken'],
  properties: {
    refreshToken: {
      type: 'string',
      description: 'The refresh token that the session began with. It stays the same',
      example: 'abc123.def456',
    },
  },
};

/** What went wrong. */
@ApiSchema({ name: 'ApiError', description: 'What went wrong; there whenever `success` is false' })
export class ApiErrorDto {
  @ApiPropertyOptional({ description: 'What went wrong, for people to read' })
  message?: string;

  @ApiPropertyOptional({ description: 'What went wrong, for programs to compare', example: 'EXPIRED' })
  code?: string;

  @ApiPropertyOptional({
    description: 'The id of this request: as in the header X-Request-Id and in the log of the service',
  })
  requestId?: string;
}

/** The envelope of every answer. */
// Written out, since Nest has no word for a property of any type, such as `data`.
@ApiExtraModels(ApiErrorDto)
@ApiSchema({
  name: 'ApiResponse',
  required: ['success'],
  properties: {
    success: { type: 'boolean', description: 'Whether the request did what it was for' },
    data: {},
    error: { $ref: getSchemaPath('ApiError') },
  },
} as never)
export class ApiResponseDto {
  success!: boolean;
  data?: unknown;
  error?: ApiErrorDto;
}

/** The envelope of a refresh that succeeded. */
export interface AuthRefreshAnswer extends ApiResponseDto {
  readonly success: true;
  readonly data: {
    readonly accessToken: string;
    /** Seconds. */
    readonly expiresIn: number;
    readonly tokenType: 'Bearer';
  };
}

/** AuthRefreshAnswer for the document, which has no name for it. */
export const REFRESH_ANSWER = {
  allOf: [
    { $ref: getSchemaPath('ApiResponse') },
    {
      type: 'object',
      properties: {
        data: {
          type: 'object',
          properties: {
            accessToken: { type: 'string', description: 'The new access token, a JWT' },
            expiresIn: { type: 'integer', description: 'How long it lives, in seconds', example: 900 },
            tokenType: {
              type: 'string',
              description: 'How to present it: always `Bearer`',
              example: 'Bearer',
            },
          },
        },
      },
    },
  ],
};
