import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tokens } from '../contract-call.js';
import { failsWith } from '../../http/errors/fails-with.js';
import { ContractController } from '../contract-controller.js';
import { CommonFailures } from '../failures.js';
import { DryRun } from '../routes.js';
import {
  AuthWithTokensResponseDto,
  NestAuthErrorDto,
  NestAuthRefreshTokenRequestDto,
} from './nest-auth.dto.js';
import { TOKEN_TYPE_HEADER, tokenTypeOf, type TokenType } from './token-type.js';

const Fails = failsWith(NestAuthErrorDto);

/** The nest-auth contract's refresh. */
@ApiTags('Auth')
@Controller('/auth')
export class NestAuthController extends ContractController {
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
  @CommonFailures(NestAuthErrorDto)
  @DryRun()
  refresh(
    @Body() body: NestAuthRefreshTokenRequestDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const call = this.call(request, reply);
    const { contract, settings } = this.mount;
    // In header mode the cookie is not read: its token would be answered in the body, for a script in the page to see.
    if (tokenTypeOf(request, settings as TokenType | undefined) === 'header') {
      const token = call.tokenInBody(body.refreshToken);
      return call.refresh(
        { token, mode: 'rotate' },
        ({ accessToken, refreshToken, session }): AuthWithTokensResponseDto => ({
          accessToken,
          refreshToken: refreshToken!,
          ...answerOf(session, contract),
        }),
      );
    }
    const token = call.token(body.refreshToken);
    return call.refresh({ token, mode: 'rotate', back: 'cookie' }, ({ accessToken, expiresIn, session }) => {
      call.setCookie(this.mount.accessCookie!, accessToken, expiresIn);
      const { trustToken: _trust, ...answer } = answerOf(session, contract);
      return answer;
    });
  }
}

/** What goes beside the tokens. The extras were held against their DTO when the session was opened. */
function answerOf(
  { extras }: Tokens['session'],
  contract: string,
): Omit<AuthWithTokensResponseDto, 'accessToken' | 'refreshToken'> {
  const message = 'Token refreshed successfully';
  return { message, isRequiresMfa: false, ...(extras[contract] as object | undefined) };
}
