import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { SignInFirst } from './console.guard.js';

/** Leads to the form, and from there back to where somebody was. */
@Catch(SignInFirst)
export class SignInFilter implements ExceptionFilter<SignInFirst> {
  catch({ next }: SignInFirst, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.redirect(`/console/sign-in?${new URLSearchParams({ next }).toString()}`, 303);
  }
}
