import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import { RefusalException } from '../../http/errors/http-refusal.js';
import { recordOf } from '../../http/request-record.js';
import { ConsoleSessions, type SignedIn } from './console-session.js';

const SIGNED_IN = Symbol('signed in at the console');
type Called = FastifyRequest & { [SIGNED_IN]?: SignedIn };

/** Not while there is no console, nor for a form of another site's page. */
@Injectable()
export class ConsoleGuard implements CanActivate {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  canActivate(context: ExecutionContext): boolean {
    if (!this.config.console) throw new RefusalException({ reason: 'not_found' });
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.method === 'POST' && !isOfThisSite(request)) {
      const detail = request.headers['sec-fetch-site'] === undefined ? 'origin_header' : 'sec_fetch_site';
      throw new RefusalException({ reason: 'origin_not_allowed', detail });
    }
    return true;
  }
}

/** Only for who is signed in; a form must be of one of their own pages. Others are sent to sign in. */
@Injectable()
export class SignedInGuard implements CanActivate {
  constructor(private readonly sessions: ConsoleSessions) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Called>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const signedIn = this.sessions.read(request);
    if (!signedIn) throw new SignInFirst(request.method === 'GET' ? request.url : '/console');
    const { form } = (request.body ?? {}) as { form?: unknown };
    if (request.method === 'POST' && !this.sessions.isOwnForm(signedIn, form))
      throw new RefusalException({ reason: 'origin_not_allowed' });
    request[SIGNED_IN] = signedIn;
    recordOf(request).serviceKey = signedIn.key.name;
    this.sessions.write(request, reply, signedIn.key, signedIn.until);
    return true;
  }
}

/** Somebody has to sign in before they may go on to `next`. */
export class SignInFirst extends Error {
  constructor(readonly next: string) {
    super('sign in first');
  }
}

/** Who sent a request that was let in. */
export function signedIn(request: FastifyRequest): SignedIn {
  return (request as Called)[SIGNED_IN]!;
}

/** Every browser of today says one or the other with a form. */
function isOfThisSite({ headers, host }: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, origin } = headers;
  if (site !== undefined) return site === 'same-origin';
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
