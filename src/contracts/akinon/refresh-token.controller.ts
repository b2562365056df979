import { Body, Controller, HttpCode, Post, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../../auth/auth.service.js';
import { accountOf, answerRefused } from '../../http/exchange.js';
import type { Mount } from '../contract.js';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { noteRefreshed } from '../travel.js';
import { accompanyingTokens } from './accompanying-tokens.js';
import { AkinonErrorDto, AkinonRefreshDto, AkinonTokensDto, AkinonValidationErrorDto } from './akinon.dto.js';

const Fails = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, description, type: AkinonErrorDto });

/** The Akinon contract's only route. */
@ApiTags('refresh-token', 'auth')
export abstract class AkinonController {
  protected abstract readonly mount: Mount;

  constructor(private readonly auth: AuthService) {}

  @Post('refresh-token')
  @HttpCode(201)
  @ApiOperation({
    operationId: 'refreshToken',
    summary: 'Exchange a refresh token',
    description:
      'Gives a new access token and the next refresh token. An access token need not come along; one that does must be of the same session, expired or not.',
  })
  @ApiBody({ type: AkinonRefreshDto })
  @ApiCreatedResponse({
    type: AkinonTokensDto,
    description: 'The new tokens',
    headers: { 'Dry-Run': { description: '`true` if nothing was written', schema: { type: 'string' } } },
  })
  @ApiResponse({
    status: 400,
    description: 'The body or the query is not as described',
    type: AkinonValidationErrorDto,
  })
  @Fails(401, 'The refresh token, or an access token that came along, is refused')
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(413, 'The request is too large')
  @Fails(415, 'The body is not application/json')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async refresh(
    @Query() query: DryRunQueryDto,
    @Body() { refreshToken }: AkinonRefreshDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    accountOf(request).contract = this.mount.contract;
    // Before the exchange: a refresh token that comes with a wrong access token must not be spent.
    for (const accessToken of accompanyingTokens(request)) {
      const fits = this.auth.belongTogether(accessToken, refreshToken);
      if (!fits.ok) return answerRefused(request, reply, this.mount.words, fits.refused);
    }
    const dryRun = query.dryRun === 'true';
    const outcome = await this.auth.refresh({ refreshToken, dryRun, mode: 'rotate' });
    if (!outcome.ok) return answerRefused(request, reply, this.mount.words, outcome.refused);
    noteRefreshed(request, reply, outcome.value);
    return tokensOf(outcome.value);
  }
}

function tokensOf({ accessToken, refreshToken }: AkinonTokensDto): AkinonTokensDto {
  return { accessToken, refreshToken };
}

/** The controller at its place. */
export function akinonControllerAt(mount: Mount): Type {
  @Controller(mount.folder)
  class MountedAkinonController extends AkinonController {
    protected override readonly mount = mount;
  }
  return MountedAkinonController;
}
