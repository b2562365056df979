import { Controller, HttpCode, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import type { Refused } from '../../core/refusal.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { noteRefreshed, sendBackCookie } from '../travel.js';
import { AccessTokenDto, HttpErrorDto, HttpValidationErrorDto } from './watchr.dto.js';

const Fails = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, description, type: HttpErrorDto });

/** A cookie as a parameter, which Nest has no decorator for; nullable as OpenAPI 3.1 and FastAPI write it. */
const RefreshTokenCookie = (): MethodDecorator =>
  ApiQuery({
    in: 'cookie',
    name: 'refresh_token',
    required: false,
    description: 'The refresh token. A request without it is answered with status 422',
    schema: { anyOf: [{ type: 'string' }, { type: 'null' }], title: 'Refresh Token' },
  } as never);

/** The Watchr contract: refresh with a cookie, answered in the words of FastAPI. */
@ApiTags('Authentication')
export abstract class WatchrController {
  protected abstract readonly mount: Mount;

  constructor(private readonly auth: AuthService) {}

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
  @Fails(403, 'A page of a foreign origin used the cookie')
  @Fails(413, 'The request is too large')
  @Fails(415, 'There is a body, and it is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async refresh(
    @Query() query: DryRunQueryDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccessTokenDto | HttpErrorDto | HttpValidationErrorDto> {
    accountOf(request).contract = this.mount.contract;
    const cookie = this.mount.cookie!;
    const token = cookie.read(request);
    if (!token.ok) return this.refused(request, reply, token.refused);
    const dryRun = query.dryRun === 'true';
    const outcome = await this.auth.refresh({ refreshToken: token.value, dryRun, mode: 'rotate' });
    if (!outcome.ok) return this.refused(request, reply, outcome.refused);
    noteRefreshed(request, reply, outcome.value);
    sendBackCookie(request, reply, cookie, { token: token.value, by: 'cookie' }, outcome.value);
    return { access_token: outcome.value.accessToken, token_type: 'bearer' };
  }

  private refused(
    request: FastifyRequest,
    reply: FastifyReply,
    refused: Refused,
  ): HttpErrorDto | HttpValidationErrorDto {
    const { name } = this.mount.cookie!;
    // Which cookie is missing: only the mount knows what it is called here.
    const told: Refused =
      refused.reason === 'missing_token'
        ? { ...refused, flaws: [{ in: 'cookie', name, message: `the cookie ${name} is missing` }] }
        : refused;
    return answerRefused(request, reply, this.mount.words, told) as HttpErrorDto | HttpValidationErrorDto;
  }
}

/** The controller at its place. */
export function watchrControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedWatchrController extends WatchrController {
    protected override readonly mount = mount;
  }
  return MountedWatchrController;
}
