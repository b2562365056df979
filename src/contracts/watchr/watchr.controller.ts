import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failsWith } from '../../http/errors/fails-with.js';
import { ContractController } from '../contract-controller.js';
import { CommonFailures } from '../failures.js';
import { DryRun } from '../routes.js';
import { AccessTokenDto, HttpErrorDto, HttpValidationErrorDto } from './watchr.dto.js';

const Fails = failsWith(HttpErrorDto);

/** A cookie as a parameter, which Nest has no decorator for; nullable as OpenAPI 3.1 and FastAPI write it. */
const RefreshTokenCookie = (): MethodDecorator =>
  ApiQuery({
    in: 'cookie',
    name: 'refresh_token',
    required: false,
    description: 'The refresh token. A request without it is answered with status 422',
    schema: { anyOf: [{ type: 'string' }, { type: 'null' }], title: 'Refresh Token' },
  } as never);

/** The Watchr contract: refresh with a cookie, answered as FastAPI does. */
@ApiTags('Authentication')
@Controller('/auth')
export class WatchrController extends ContractController {
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'post_auth_refresh',
    summary: 'Refresh access token',
    description:
      'Exchanges the refresh token in the cookie for a new access token and rotates the cookie. A JSON body is not looked at.',
  })
  @RefreshTokenCookie()
  @ApiOkResponse({
    type: AccessTokenDto,
    description: 'The new access token',
    headers: {
      'Set-Cookie': { description: 'The rotated refresh token', schema: { type: 'string' } },
      'Dry-Run': { description: '`true` if nothing was written', schema: { type: 'string' } },
    },
  })
  @ApiResponse({
    status: 422,
    type: HttpValidationErrorDto,
    description: 'There is no cookie, or the request is not as described',
  })
  @Fails(401, 'The refresh token is malformed, expired, revoked or reused')
  @CommonFailures(HttpErrorDto)
  @DryRun()
  refresh(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const call = this.call(request, reply);
    return call.refresh(
      { token: call.tokenInCookie(), mode: 'rotate' },
      ({ accessToken }): AccessTokenDto => ({ access_token: accessToken, token_type: 'bearer' }),
    );
  }
}
