import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal, Refused } from '../core/refusal.js';
import type { Failed, Words } from './failure.js';

/** What the log line of a request says beyond HTTP. Set by whoever knows. */
export interface Account {
  contract?: string;
  /** How the request came out: `rotate`, `replay`, ..., or `refused` or `failed`. */
  outcome?: string;
  reason?: string;
  sessionId?: string;
  dryRun?: boolean;
  /** The name of the service key. */
  serviceKey?: string;
}

const ACCOUNT = Symbol('account');
type Accounted = FastifyRequest & { [ACCOUNT]?: Account | undefined };

/** The request's account, to be added to. */
export function accountOf(request: FastifyRequest): Account {
  return ((request as Accounted)[ACCOUNT] ??= {});
}

/** Notes a refusal for the log and answers it in `words`; gives the body to return. */
export function answerRefused(
  request: FastifyRequest,
  reply: FastifyReply,
  words: Words,
  refused: Refused,
): unknown {
  const { sessionId, ...failed } = refused;
  Object.assign(accountOf(request), {
    outcome: 'refused',
    reason: refused.reason,
    ...(sessionId && { sessionId }),
  });
  return speak(request, reply, words, failed);
}

/** Sets status and headers of a failure in `words`; gives the body. */
export function speak(request: FastifyRequest, reply: FastifyReply, words: Words, failed: Failed): unknown {
  const { status, body, headers = {} } = words(failed, request.id);
  reply.status(status).headers(headers);
  if (failed.retryAfter !== undefined) reply.header('retry-after', String(Math.max(1, failed.retryAfter)));
  if (failed.allow) reply.header('allow', failed.allow);
  return body;
}

/** The refusals that point at an attack rather than at a lapse. */
export const SUSPICIOUS: ReadonlySet<string> = new Set<Refusal>(['reused', 'wrong_client', 'wrong_proof']);
