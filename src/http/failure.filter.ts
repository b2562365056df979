import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Flaw } from '../core/refusal.js';
import { StoreUnavailable } from '../store/session-store.js';
import { accountOf, speak } from './exchange.js';
import { FailedRequest, type Failed, type Failure } from './failure.js';
import { ServiceError } from './service-error.js';
import { Voices } from './voices.js';

const FAILURE_OF_STATUS: Readonly<Record<number, Failure>> = {
  400: 'invalid_request',
  403: 'origin_not_allowed',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  414: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
};

/** Answers whatever is thrown, before controllers too, in the words of the API whose path was called. */
@Catch()
export class FailureFilter implements ExceptionFilter {
  private readonly logger = new Logger(FailureFilter.name);

  constructor(private readonly voices: Voices) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (exception instanceof ServiceError) {
      Object.assign(accountOf(request), { outcome: 'refused', reason: exception.reason });
      void reply.status(exception.getStatus()).headers(exception.headers).send(exception.getResponse());
      return;
    }
    const voice = this.voices.of(request);
    const failed = this.voices.withMethods(request, failedOf(exception));
    Object.assign(accountOf(request), {
      outcome: failed.reason === 'internal_error' ? 'failed' : 'refused',
      reason: failed.reason,
      ...(voice.contract && { contract: voice.contract }),
    });
    if (failed.reason === 'internal_error') {
      this.logger.error({ msg: 'unexpected error', requestId: request.id, error: stackOf(exception) });
    }
    void reply.send(speak(request, reply, voice.words, failed));
  }
}

function failedOf(exception: unknown): Failed {
  if (exception instanceof FailedRequest) return exception.failed;
  if (exception instanceof StoreUnavailable) return { reason: 'unavailable', retryAfter: 1 };
  if (!(exception instanceof HttpException)) return { reason: 'internal_error' };
  const reason =
    FAILURE_OF_STATUS[exception.getStatus()] ??
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
