import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { clientAddress } from '../http/client-address.js';
import { isSuspicious, recordOf, type RequestRecord } from '../http/request-record.js';
import type { Metrics } from './metrics.js';
import { isRoutine, type RequestTraces } from './request-traces.js';
import type { SubjectName } from './subject-names.js';

/** What is logged as the status of an answer that nobody waited for, as nginx has it. */
const GONE = 499;
const MAX_AGENT_CHARS = 120;

/**
 * Writes one line for each request when its answer has been delivered, or cannot be any more, counts it and ends its span. The path
 * is the route's pattern: what a client put into a path or a query by mistake is not repeated.
 */
export function logRequests(
  server: FastifyInstance,
  log: Logger,
  metrics: Metrics,
  traces: RequestTraces,
  nameOf: SubjectName,
): void {
  const write = (request: FastifyRequest, reply: FastifyReply, status: number): void => {
    const record = recordOf(request);
    const line = {
      msg: 'request',
      requestId: request.id,
      ...traces.finish(request, reply, status),
      method: request.method,
      path: request.routeOptions.url ?? '(unknown)',
      status,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      address: clientAddress(request),
      ...record,
      ...(record.subject !== undefined && { subject: nameOf(record.subject) }),
      ...(isSuspicious(record) && { userAgent: agentOf(request) }),
    };
    log[levelFor(status, record, line.path)](line);
    metrics.count(record, reply.elapsedTime, status !== GONE);
  };
  server.addHook(
    'onSend',
    (request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void) => {
      const { socket } = request.raw;
      const giveUp = (): void => write(request, reply, GONE);
      if (socket.destroyed) giveUp();
      else {
        // Many answers may wait for one connection: requests can be sent without awaiting the answer of the one before.
        socket.setMaxListeners(0).once('close', giveUp);
        reply.raw.once('finish', () => {
          socket.off('close', giveUp);
          write(request, reply, reply.statusCode);
        });
      }
      done();
    },
  );
}

function levelFor(status: number, record: RequestRecord, path: string): 'warn' | 'info' | 'debug' {
  if (status >= 500 || isSuspicious(record)) return 'warn';
  return isRoutine(path) ? 'debug' : 'info';
}

/** Names the program well enough to tell a thief's from the owner's; what a client writes is its own to make long. */
function agentOf({ headers }: FastifyRequest): string | undefined {
  return headers['user-agent']?.slice(0, MAX_AGENT_CHARS);
}
