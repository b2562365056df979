import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failsWith } from '../../http/errors/fails-with.js';
import { ContractController } from '../contract-controller.js';
import { CommonFailures } from '../failures.js';
import { DryRun } from '../routes.js';
import {
  ApiResponseDto,
  AuthRefreshBodyDto,
  REFRESH_ANSWER,
  REFRESH_BODY,
  type AuthRefreshAnswer,
} from './dynamosql.dto.js';

const Fails = failsWith(ApiResponseDto);

/** The DynamoSQL contract: a refresh token in the body, which stays the same for as long as the session lives. */
@ApiTags('Authentication')
@ApiExtraModels(ApiResponseDto)
@Controller('/v1/auth')
export class DynamosqlController extends ContractController {
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'authRefresh',
    summary: 'Refresh access token',
    description:
      'Exchanges a refresh token for a new access token. The refresh token stays good, and no other is issued.',
    security: [],
  })
  @ApiBody({ schema: REFRESH_BODY, required: true })
  @ApiOkResponse({
    description: 'The new access token',
    schema: REFRESH_ANSWER,
    headers: { 'Dry-Run': { description: '`true` if nothing was written', schema: { type: 'string' } } },
  })
  @Fails(400, 'The refresh token is missing, or the request is not as described')
  @Fails(401, 'The refresh token is malformed, expired, revoked or reused')
  @CommonFailures(ApiResponseDto)
  @DryRun()
  refresh(
    @Body() body: AuthRefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    return call.refresh(
      { token: call.token(body.refreshToken), mode: 'touch' },
      ({ accessToken, expiresIn }): AuthRefreshAnswer => ({
        success: true,
        data: { accessToken, expiresIn, tokenType: 'Bearer' },
      }),
    );
  }
}
