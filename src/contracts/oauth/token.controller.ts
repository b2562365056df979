import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { presentationBy, type Client } from '../../core/client.js';
import type { Tokens } from '../contract-call.js';
import { ContractController } from '../contract-controller.js';
import { ClientAuthentication, invalidClient } from './client-authentication.js';
import { Dpop } from './dpop.js';
import { endpointsOf } from './endpoints.js';
import { readParameters, readRepeatable, type Form } from './form.js';
import { OAuthError } from './oauth-error.js';
import { Fails, TokenFormDto, TokenResponseDto } from './oauth.dto.js';

/** The token endpoint (RFC 6749 sections 5 and 6), for refreshes. */
@ApiTags('OAuth 2.0')
@Controller('/oauth')
export class TokenController extends ContractController {
  constructor(
    private readonly clients: ClientAuthentication,
    private readonly dpop: Dpop,
  ) {
    super();
  }

  @Post('token')
  @HttpCode(200)
  @Header('Pragma', 'no-cache')
  @ApiOperation({ operationId: 'OAuth_token', summary: 'Exchange a refresh token (RFC 6749 section 6)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiHeader({ name: 'DPoP', required: false, description: 'A proof of possession (RFC 9449)' })
  @ApiBody({ type: TokenFormDto })
  @ApiOkResponse({ type: TokenResponseDto })
  @Fails(400, 'The request, the grant, the scope, a resource or the proof is not valid')
  @Fails(401, 'The client could not be authenticated', invalidClient())
  @Fails(403, 'A page of a foreign origin sent a cookie of this service along')
  @Fails(408, 'The body took too long to arrive')
  @Fails(413, 'The request is too large')
  @Fails(429, 'Too many requests; see Retry-After')
  @Fails(503, 'The service cannot answer just now; see Retry-After. The token is still good')
  async token(
    @Body() body: object | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = readParameters(body, 'resource');
    checkGrantType(form);
    const client = await this.clients.authenticate(form, request);
    const jkt = await this.dpop.prove(request, reply, endpointsOf(this.mount).token);
    if (client.dpopRequired && jkt === undefined)
      throw new OAuthError('invalid_dpop_proof', 'The client must send a DPoP proof', 400, {}, 'dpop_absent');

    const call = this.call(request, reply);
    const { scope } = form;
    const resources = readRepeatable(body, 'resource');
    return call.refresh(
      {
        token: call.token(form['refresh_token']),
        ...presentationBy(client, jkt),
        ...(scope !== undefined && { scope }),
        ...(resources.length > 0 && { resources }),
      },
      (tokens) => answer(tokens, client, scope, jkt),
    );
  }
}

function checkGrantType({ grant_type: grantType }: Form): void {
  if (grantType === undefined) throw new OAuthError('invalid_request', 'The parameter grant_type is missing');
  if (grantType !== 'refresh_token')
    throw new OAuthError('unsupported_grant_type', 'The grant type must be refresh_token');
}

function answer(
  { accessToken, expiresIn, refreshToken, refreshTokenExpiresIn, idleExpiresIn, session }: Tokens,
  { refreshMode }: Client,
  asked: string | undefined,
  jkt: string | undefined,
): TokenResponseDto {
  const scope = asked ?? session.scope;
  return {
    access_token: accessToken,
    token_type: jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: expiresIn,
    // The client that keeps its refresh token is not given it again (RFC 6749 section 6).
    ...(refreshMode === 'rotate' && { refresh_token: refreshToken! }),
    ...(scope !== null && { scope }),
    refresh_token_timeout: idleExpiresIn,
    authorization_expires_in: refreshTokenExpiresIn,
  };
}
