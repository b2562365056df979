import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Flaw, Refusal } from '../../core/refusal.js';
import { recordOf } from '../request-record.js';
import { bearerChallenge } from './challenge.js';
import type { HttpRefusal } from './http-refusal.js';

/** A refusal in the format of an API. */
export interface ErrorReply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an API says no: its status and error body for any refusal, whatever caused it. */
export type ErrorFormat = (refusal: HttpRefusal, requestId: string) => ErrorReply;

/** Records a refusal and answers it in `format`; gives the body to return. */
export function replyRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  format: ErrorFormat,
  refusal: Refusal,
): unknown {
  const { flaws: _flaws, retryAfter: _retryAfter, ...told } = refusal;
  Object.assign(recordOf(request), { outcome: 'refused', ...told });
  return replyError(request, reply, format, refusal);
}

/** Sets status and headers of a refusal as `format` has them; gives the body. */
export function replyError(
  request: FastifyRequest,
  reply: FastifyReply,
  format: ErrorFormat,
  refusal: HttpRefusal,
): unknown {
  const { status, body, headers = {} } = format(refusal, request.id);
  const { reason, retryAfter, allow } = refusal;
  reply.status(status);
  if (status === 401)
    reply.header(
      'www-authenticate',
      bearerChallenge(reason === 'missing_token' ? undefined : 'invalid_token'),
    );
  reply.headers(headers);
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.max(1, retryAfter)));
  if (allow) reply.header('allow', allow);
  return body;
}

/** What is wrong with a request, by the member that is: the place itself where a flaw names none. */
export function sentencesByField(flaws: readonly Flaw[]): Record<string, string[]> {
  // Without a prototype: what a client calls a member may be `constructor`.
  const sentences = Object.create(null) as Record<string, string[]>;
  for (const { in: place, name, message } of flaws) (sentences[name ?? place] ??= []).push(message);
  return sentences;
}
