import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common';
import type { JWTPayload } from 'jose';
import { accessTokenVerifier, KeysUnavailable } from '../access-token.mjs';
import { settings } from '../settings.mjs';

/** A request that the guard has let in. */
export interface AuthorizedRequest {
  headers: { authorization?: string };
  user?: JWTPayload;
}

/** `@UseGuards(AccessTokenGuard)`: lets in who has a good access token, and puts its claims into `request.user`. */
@Injectable()
export class AccessTokenGuard implements CanActivate {
  private readonly verify = accessTokenVerifier(settings(process.env));

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthorizedRequest>();
    const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const claims = await this.verify(token).catch((error: unknown) => {
      throw error instanceof KeysUnavailable ? new ServiceUnavailableException() : error;
    });
    if (!claims) throw new UnauthorizedException();
    request.user = claims;
    return true;
  }
}
