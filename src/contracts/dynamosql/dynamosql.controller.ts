import { Body, Controller, HttpCode, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { noteRefreshed } from '../travel.js';
import {
  ApiResponseDto,
  AuthRefreshBodyDto,
  REFRESH_ANSWER,
  REFRESH_BODY,
  type AuthRefreshAnswer,
} from './dynamosql.dto.js';

const Fails = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, description, type: ApiResponseDto });

/** The DynamoSQL contract: a refresh token in the body, which stays the same for as long as the session lives. */
@ApiTags('Authentication')
@ApiExtraModels(ApiResponseDto)
export abstract class DynamosqlController {
  protected abstract readonly mount: Mount;

  constructor(private readonly auth: AuthService) {}

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
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(413, 'The request is too large')
  @Fails(415, 'The body is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async refresh(
    @Query() query: DryRunQueryDto,
    @Body() body: AuthRefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AuthRefreshAnswer | ApiResponseDto> {
    accountOf(request).contract = this.mount.contract;
    const dryRun = query.dryRun === 'true';
    const outcome = await this.auth.refresh({ refreshToken: body.refreshToken, dryRun, mode: 'touch' });
    if (!outcome.ok) {
      return answerRefused(request, reply, this.mount.words, outcome.refused) as ApiResponseDto;
    }
    noteRefreshed(request, reply, outcome.value);
    const { accessToken, expiresIn } = outcome.value;
    return { success: true, data: { accessToken, expiresIn, tokenType: 'Bearer' } };
  }
}

/** The controller at its place. */
export function dynamosqlControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedDynamosqlController extends DynamosqlController {
    protected override readonly mount = mount;
  }
  return MountedDynamosqlController;
}
