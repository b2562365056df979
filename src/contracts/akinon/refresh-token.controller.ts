import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failsWith } from '../../http/errors/fails-with.js';
import { ContractController } from '../contract-controller.js';
import { CommonFailures } from '../failures.js';
import { DryRun } from '../routes.js';
import { accompanyingTokens } from './accompanying-tokens.js';
import { AkinonErrorDto, AkinonRefreshDto, AkinonTokensDto, AkinonValidationErrorDto } from './akinon.dto.js';

const Fails = failsWith(AkinonErrorDto);

/** The Akinon contract's only route. */
@ApiTags('refresh-token', 'auth')
@Controller('/api/v1/auth')
export class AkinonController extends ContractController {
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
  @CommonFailures(AkinonErrorDto)
  @DryRun()
  refresh(
    @Body() body: AkinonRefreshDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    return call.refresh(
      {
        token: call.token(body.refreshToken),
        mode: 'rotate',
        accessTokens: accompanyingTokens(request),
      },
      ({ accessToken, refreshToken }) => ({ accessToken, refreshToken }),
    );
  }
}
