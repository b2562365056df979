import { Body, Controller, HttpCode, Post, Query, Req, Res, type Type } from '@nestjs/common';
import {
  ApiBody,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import { ApiErrorResponseDto } from '../../http/api-error.dto.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { carriedToken, noteRefreshed, sendBackCookie } from '../travel.js';
import { AuthRefreshResponseDto, RefreshBodyDto } from './plec.dto.js';

const Fails = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, description, type: ApiErrorResponseDto });

const NO_DRY_RUN = { in: 'query', name: 'dryRun', message: 'a logout cannot be run dry' } as const;

/** The PLEC contract: refresh and logout with a cookie or a body. */
@ApiTags('Auth')
export abstract class AuthController {
  protected abstract readonly mount: Mount;

  constructor(private readonly auth: AuthService) {}

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
  @Fails(403, 'A page of a foreign origin used the cookie')
  @Fails(413, 'The request is too large')
  @Fails(415, 'The body is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async refresh(
    @Query() query: DryRunQueryDto,
    @Body() body: RefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AuthRefreshResponseDto | ApiErrorResponseDto> {
    accountOf(request).contract = this.mount.contract;
    const cookie = this.mount.cookie!;
    const carried = carriedToken(request, cookie, body.refreshToken);
    if (!carried.ok) return this.refused(request, reply, carried.refused);
    const dryRun = query.dryRun === 'true';
    const outcome = await this.auth.refresh({ refreshToken: carried.value.token, dryRun, mode: 'rotate' });
    if (!outcome.ok) return this.refused(request, reply, outcome.refused);
    noteRefreshed(request, reply, outcome.value);
    sendBackCookie(request, reply, cookie, carried.value, outcome.value);
    const { accessToken, refreshToken } = outcome.value;
    return carried.value.by === 'body' ? { accessToken, refreshToken } : { accessToken };
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
  @Fails(403, 'A page of a foreign origin used the cookie')
  @Fails(413, 'The request is too large')
  @Fails(415, 'The body is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The session could not be ended just now; see Retry-After')
  async logout(
    @Query('dryRun') dryRun: unknown,
    @Body() body: RefreshBodyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ApiErrorResponseDto | undefined> {
    accountOf(request).contract = this.mount.contract;
    if (dryRun !== undefined)
      return this.refused(request, reply, { reason: 'invalid_request', flaws: [NO_DRY_RUN] });
    const cookie = this.mount.cookie!;
    const carried = carriedToken(request, cookie, body.refreshToken);
    if (!carried.ok) return this.refused(request, reply, carried.refused);
    const outcome = await this.auth.logout(carried.value.token);
    if (!outcome.ok) return this.refused(request, reply, outcome.refused);
    const { ended, sessionId } = outcome.value;
    Object.assign(accountOf(request), {
      outcome: ended ? 'logout' : 'no-session',
      ...(sessionId && { sessionId }),
    });
    reply.header('set-cookie', cookie.clear(cookie.mustBeSecure(request)));
    return undefined;
  }

  private refused(
    ...[request, reply, refused]: [FastifyRequest, FastifyReply, Parameters<typeof answerRefused>[3]]
  ): ApiErrorResponseDto {
    return answerRefused(request, reply, this.mount.words, refused) as ApiErrorResponseDto;
  }
}

/** The controller at its place. */
export function authControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedAuthController extends AuthController {
    protected override readonly mount = mount;
  }
  return MountedAuthController;
}
