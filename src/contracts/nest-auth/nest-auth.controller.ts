import { Body, Controller, HttpCode, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService, type Refreshed } from '../../auth/auth.service.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { noteRefreshed } from '../travel.js';
import type { NestAuthExtrasDto } from './nest-auth-extras.dto.js';
import {
  AuthWithTokensResponseDto,
  NestAuthErrorDto,
  NestAuthRefreshTokenRequestDto,
  type NestAuthAnswerDto,
} from './nest-auth.dto.js';
import { refreshTokenOf, setTokenCookies, TOKEN_TYPE_HEADER, tokenTypeOf } from './token-type.js';

const Fails = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, description, type: NestAuthErrorDto });

/** The nest-auth contract's refresh. */
@ApiTags('Auth')
export abstract class NestAuthController {
  protected abstract readonly mount: Mount;

  constructor(private readonly auth: AuthService) {}

  @Post('refresh-token')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'NestAuthController_refreshToken',
    summary: 'Refresh the tokens',
    description:
      'Exchanges a refresh token for a new pair. In cookie mode the cookie refreshToken may bring it, the new pair comes as the cookies accessToken and refreshToken, and the body holds no token.',
  })
  @ApiHeader({
    name: TOKEN_TYPE_HEADER,
    required: false,
    description: 'Asks for cookie mode, where the service is not set to one of the two',
    schema: { type: 'string', enum: ['header', 'cookie'], default: 'header' },
  })
  @ApiBody({ type: NestAuthRefreshTokenRequestDto, required: false })
  @ApiOkResponse({
    type: AuthWithTokensResponseDto,
    description: 'The new tokens; in cookie mode without the members that are tokens',
    headers: {
      'Set-Cookie': {
        description: 'In cookie mode: accessToken and refreshToken, both HttpOnly',
        schema: { type: 'string' },
      },
      'Dry-Run': { description: '`true` if nothing was written', schema: { type: 'string' } },
    },
  })
  @Fails(400, 'The body, the query or the cookies are not as described')
  @Fails(401, 'The refresh token is expired (REFRESH_TOKEN_EXPIRED) or not good (REFRESH_TOKEN_INVALID)')
  @Fails(403, 'A page of a foreign origin used the cookie')
  @Fails(413, 'The request is too large')
  @Fails(415, 'The body is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async refresh(
    @Query() query: DryRunQueryDto,
    @Body() body: NestAuthRefreshTokenRequestDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { mount } = this;
    accountOf(request).contract = mount.contract;
    const type = tokenTypeOf(request, mount.config);
    const refreshToken = refreshTokenOf(request, mount, type, body.refreshToken);
    if (!refreshToken.ok) return answerRefused(request, reply, mount.words, refreshToken.refused);
    const dryRun = query.dryRun === 'true';
    const outcome = await this.auth.refresh({ refreshToken: refreshToken.value, dryRun, mode: 'rotate' });
    if (!outcome.ok) return answerRefused(request, reply, mount.words, outcome.refused);
    noteRefreshed(request, reply, outcome.value);
    const answer = answerOf(outcome.value, mount);
    if (type === 'header') return answer;
    setTokenCookies(request, reply, mount, outcome.value);
    return withoutTokens(answer);
  }
}

function answerOf(
  { accessToken, refreshToken, session }: Refreshed,
  mount: Mount,
): AuthWithTokensResponseDto {
  // Held against the DTO when the session was opened.
  const extras = (session.extras[mount.contract] ?? {}) as Readonly<NestAuthExtrasDto>;
  return {
    accessToken,
    refreshToken,
    message: 'Token refreshed successfully',
    isRequiresMfa: false,
    ...extras,
  };
}

function withoutTokens(answer: AuthWithTokensResponseDto): NestAuthAnswerDto {
  const { accessToken: _access, refreshToken: _refresh, trustToken: _trust, ...rest } = answer;
  return rest;
}

/** The controller at its place. */
export function nestAuthControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedNestAuthController extends NestAuthController {
    protected override readonly mount = mount;
  }
  return MountedNestAuthController;
}
