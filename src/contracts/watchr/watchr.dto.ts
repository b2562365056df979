import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';

/** A schema with a title, as FastAPI gives each one: Nest writes it, but its type does not know it. */
const Titled = (title: string): ClassDecorator => ApiSchema({ name: title, title } as never);

/** The answer to a refresh. */
@Titled('AccessToken')
export class AccessTokenDto {
  @ApiProperty({ title: 'Access Token', description: 'The new access token, a JWT' })
  access_token!: string;

  @ApiProperty({ title: 'Token Type', description: 'How to present it: always `bearer`', example: 'bearer' })
  token_type!: string;
}

/** One thing that is wrong with a request, as pydantic 2 says it. */
// Written out, since Nest has no word for a property of any type, such as `input`.
@ApiSchema({
  name: 'ValidationError',
  title: 'ValidationError',
  required: ['loc', 'msg', 'type'],
  properties: {
    loc: {
      title: 'Location',
      type: 'array',
      items: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      description: 'Where it is: a part of the request, and the name in it if there is one',
      example: ['cookie', 'refresh_token'],
    },
    msg: { title: 'Message', type: 'string', description: 'What is wrong, for people to read' },
    type: {
      title: 'Error Type',
      type: 'string',
      description: 'What is wrong, for programs to compare',
      example: 'missing',
    },
    input: { title: 'Input', description: 'What was found there: only ever null, since it may be a token' },
    ctx: { title: 'Context', type: 'object', description: 'Further particulars; not used here' },
  },
} as never)
export class ValidationErrorDto {
  loc!: (string | number)[];
  msg!: string;
  type!: string;
  input?: null;
  ctx?: object;
}

/** The body of status 422. */
@Titled('HTTPValidationError')
export class HttpValidationErrorDto {
  @ApiPropertyOptional({
    title: 'Detail',
    type: () => [ValidationErrorDto],
    description: 'All that is wrong with the request',
  })
  detail?: ValidationErrorDto[];
}

/** The body of every other failure. */
@Titled('HTTPError')
export class HttpErrorDto {
  @ApiProperty({ title: 'Detail', description: 'What went wrong, for people to read' })
  detail!: string;
}
