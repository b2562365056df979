import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failsWith } from '../../http/errors/fails-with.js';
import { ContractController } from '../contract-controller.js';
import { CommonFailures } from '../failures.js';
import { DryRun } from '../routes.js';
import { ApiErrorResponseDto, AuthRefreshResponseDto, RefreshBodyDto } from './plec.dto.js';

const Fails = failsWith(ApiErrorResponseDto);

/** The PLEC contract: refresh and logout with a cookie or a body. */
@ApiTags('Auth')
@Controller('/auth')
export class AuthController extends ContractController {
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'AuthController_refresh',
    summary: 'Refresh access token',
    description:
      'Exchanges a refresh token, from the cookie or the body, for a new access token and rotates it.',
  })
  @ApiBody({ type: RefreshBodyDto, required: false })
  @ApiOkResponse({
    type: AuthRefreshResponseDto,
    description: 'The new access token',
    headers: {
      'Set-Cookie': {
        description: 'The rotated refresh token, if a cookie brought the old one',
        schema: { type: 'string' },
      },
      'Dry-Run': { description: '`true` if nothing was written', schema: { type: 'string' } },
    },
  })
  @Fails(400, 'The body, the query or the cookies are not as described')
  @Fails(401, 'The refresh token is missing, malformed, expired, revoked or reused')
  @CommonFailures(ApiErrorResponseDto)
  @DryRun()
  refresh(
    @Body() body: RefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    return call.refresh(
      { token: call.token(body.refreshToken), mode: 'rotate' },
      ({ accessToken, refreshToken }) => ({ accessToken, refreshToken }),
    );
  }

  @Post('logout')
  @HttpCode(204)
  @ApiOperation({
    operationId: 'AuthController_logout',
    summary: 'End the session',
    description:
      'Ends the session of the refresh token, from the cookie or the body, and clears the cookie. Doing it twice is no error.',
  })
  @ApiBody({ type: RefreshBodyDto, required: false })
  @ApiHeader({
    name: 'Origin',
    required: false,
    description: 'Sent by browsers; checked if the cookie is used',
  })
  @ApiNoContentResponse({ description: 'The session, if there was one, is ended' })
  @Fails(400, 'The body or the cookies are not as described')
  @CommonFailures(ApiErrorResponseDto)
  logout(
    @Body() body: RefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    return call.revoke(call.token(body.refreshToken));
  }
}
