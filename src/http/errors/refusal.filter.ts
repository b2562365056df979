import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Flaw } from '../../core/refusal.js';
import { Unavailable } from '../../core/unavailable.js';
import { MountedApis } from '../mounted-apis.js';
import { recordOf } from '../request-record.js';
import { ApiException } from './api.exception.js';
import { replyError } from './error-reply.js';
import { RefusalException, type HttpRefusal, type HttpRefusalReason } from './http-refusal.js';

const REASON_OF_STATUS: Readonly<Record<number, HttpRefusalReason>> = {
  400: 'invalid_request',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  414: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
};

/** Answers whatever is thrown, before controllers too, in the error format of the API whose path was called. */
@Catch()
export class RefusalFilter implements ExceptionFilter {
  private readonly logger = new Logger(RefusalFilter.name);

  constructor(private readonly apis: MountedApis) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (exception instanceof ApiException) {
      const { reason, detail } = exception;
      Object.assign(recordOf(request), { outcome: 'refused', reason, ...(detail && { detail }) });
      void reply.status(exception.getStatus()).headers(exception.headers).send(exception.getResponse());
      return;
    }
    const api = this.apis.of(request);
    if (exception === request.raw.errored) {
      // The body's reader was told that there is no connection any more: nobody is left to be answered.
      recordOf(request).outcome = 'gone';
      void reply.status(499).send();
      return;
    }
    const refusal = this.apis.atRoute(request, refusalOf(exception));
    Object.assign(recordOf(request), {
      outcome: refusal.reason === 'internal_error' ? 'failed' : 'refused',
      reason: refusal.reason,
      ...(refusal.detail && { detail: refusal.detail }),
    });
    if (refusal.reason === 'internal_error') {
      this.logger.error({ msg: 'unexpected error', requestId: request.id, error: stackOf(exception) });
    }
    void reply.send(replyError(request, reply, api.errors, refusal));
  }
}

function refusalOf(exception: unknown): HttpRefusal {
  if (exception instanceof RefusalException) return exception.refusal;
  if (exception instanceof Unavailable)
    return { reason: 'unavailable', retryAfter: 1, detail: exception.what };
  if (!(exception instanceof HttpException)) return { reason: 'internal_error' };
  const reason =
    REASON_OF_STATUS[exception.getStatus()] ??
    (exception.getStatus() < 500 ? 'invalid_request' : 'internal_error');
  // What a parser says of a body may quote it, and the body may hold a token: the sentence is ours.
  return reason === 'invalid_request' ? { reason, flaws: [flawOf(exception.cause)] } : { reason };
}

function flawOf(cause: unknown): Flaw {
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return {
      in: 'header',
      name: 'content-length',
      message: 'the body is not as long as content-length says',
    };
  }
  return { in: 'body', message: 'the body is not valid JSON' };
}

function stackOf(exception: unknown): string {
  return exception instanceof Error
    ? (exception.stack ?? exception.message)
    : 'a thrown value that is no Error';
}
