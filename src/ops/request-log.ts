import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { accountOf, SUSPICIOUS } from '../http/exchange.js';
import type { Metrics } from './metrics.js';

/**
 * Writes one line for each request when it has been answered, and counts it. The path is the route's pattern: what a
 * client put into a path or a query by mistake is not repeated.
 */
export function logRequests(server: FastifyInstance, log: Logger, metrics: Metrics): void {
  server.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const account = accountOf(request);
    const line = {
      msg: 'request',
      requestId: request.id,
      method: request.method,
      path: request.routeOptions.url ?? '(unknown)',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      address: request.ip,
      ...account,
    };
    log[levelFor(reply.statusCode, account.reason, line.path)](line);
    metrics.count(account, reply.elapsedTime);
    done();
  });
}

function levelFor(status: number, reason: string | undefined, path: string): 'warn' | 'info' | 'debug' {
  if (status >= 500 || (reason !== undefined && SUSPICIOUS.has(reason))) return 'warn';
  return path.startsWith('/health') || path.startsWith('/docs') || path === '/metrics' ? 'debug' : 'info';
}
