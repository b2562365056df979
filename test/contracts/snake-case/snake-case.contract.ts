import { Controller, Get, Headers, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProperty, ApiSchema, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ContractController } from '../../../src/contracts/contract-controller.ts';
import type { Contract } from '../../../src/contracts/contract.ts';
import { CommonFailures } from '../../../src/contracts/failures.ts';
import { failsWith } from '../../../src/http/errors/fails-with.ts';
import { DryRun } from '../../../src/contracts/routes.ts';
import type { ErrorReply } from '../../../src/http/errors/error-reply.ts';
import type { HttpRefusal, HttpRefusalReason } from '../../../src/http/errors/http-refusal.ts';

/** The answer to a refresh. */
@ApiSchema({ name: 'SnakeTokens' })
class TokensDto {
  @ApiProperty({ description: 'The new access token, a JWT' }) access_token!: string;
  @ApiProperty({ description: 'The refresh token to use from now on' }) refresh_token!: string;
  @ApiProperty({ description: 'How long the access token lives, in seconds' }) expires_in!: number;
}

/** The body of every failure. */
@ApiSchema({ name: 'SnakeError' })
class ErrorDto {
  @ApiProperty({ description: 'What went wrong, for programs to compare' }) error_code!: string;
  @ApiProperty({ description: 'What went wrong, for people to read' }) error_message!: string;
}

const BAD_TOKEN = [401, 'The token is not good; sign in again'] as const;

const ERRORS: Readonly<Record<HttpRefusalReason, readonly [status: number, sentence: string]>> = {
  missing_token: [401, 'Send the refresh token as Authorization: Bearer'],
  malformed_token: BAD_TOKEN,
  unknown_session: BAD_TOKEN,
  expired: BAD_TOKEN,
  revoked: BAD_TOKEN,
  reused: BAD_TOKEN,
  wrong_client: BAD_TOKEN,
  wrong_proof: BAD_TOKEN,
  invalid_request: [400, 'The request is not valid'],
  origin_not_allowed: [403, 'Pages of this origin may not call'],
  unsupported_media_type: [415, 'The body must be application/json'],
  rate_limited: [429, 'Too many requests'],
  unavailable: [503, 'Try again'],
  not_found: [404, 'There is nothing here'],
  method_not_allowed: [405, 'Not by this method'],
  request_timeout: [408, 'Too slow'],
  payload_too_large: [413, 'Too large'],
  internal_error: [500, 'Something went wrong on our side'],
};

function snakeCaseErrors({ reason, flaws }: HttpRefusal): ErrorReply {
  const [status, sentence] = ERRORS[reason];
  const body: ErrorDto = { error_code: reason, error_message: flaws?.[0]?.message ?? sentence };
  return { status, body };
}

const Fails = failsWith(ErrorDto);

@ApiTags('Tokens')
@Controller('/tokens')
class TokensController extends ContractController {
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({ operationId: 'snake_refresh', summary: 'Exchange a refresh token' })
  @ApiHeader({ name: 'Authorization', required: false, description: 'Bearer, and the refresh token' })
  @ApiOkResponse({ type: TokensDto })
  @Fails(400, 'The query is not as described')
  @Fails(401, 'The refresh token is missing or not good')
  @CommonFailures(ErrorDto)
  @DryRun()
  refresh(
    @Headers('authorization') authorization: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    const token = call.token(authorization?.replace(/^Bearer +/i, ''));
    return call.refresh({ token, mode: 'rotate' }, ({ accessToken, refreshToken, expiresIn }) => ({
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: expiresIn,
    }));
  }

  @Get('about')
  @ApiOperation({ operationId: 'snake_about', summary: 'Which contract this is' })
  @ApiOkResponse({ schema: { type: 'object', properties: { contract: { type: 'string' } } } })
  @Fails(429, 'Too many requests; see Retry-After')
  about(): { contract: string } {
    return { contract: this.mount.contract };
  }
}

/** A contract in a hundred lines: snake_case, and the refresh token in a Bearer header. CONTRIBUTING.md walks through it. */
const snakeCase: Contract = {
  name: 'snake-case',
  controllers: [TokensController],
  reads: 'application/json',
  errors: snakeCaseErrors,
  document: {
    openapi: '3.0.3',
    title: 'Ratchet: snake_case contract',
    description: 'Refresh tokens in snake_case.',
    version: '1.0',
  },
};

export default snakeCase;
