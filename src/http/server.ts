import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { idsOf, readTraceContext } from '../tracing/trace-context.js';
import { noteHeaders } from './awaited-body.js';
import { readBodies } from './body-parsers.js';
import { answerBrokenRequest, logUnread, type BrokenRequest } from './broken-request.js';
import { proxyTrust, readAddress } from './client-address.js';
import { replyError } from './errors/error-reply.js';
import { headRules } from './head-rules.js';
import { recordOf } from './request-record.js';
import type { MountedApis } from './mounted-apis.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** A body holds one token and little else. Claims of a session to be opened must fit too. */
const MAX_BODY_BYTES = 16 * 1024;
/** The longest in a path: a client's (CLIENT_ID). */
const MAX_ID_CHARS = 128;
/**
 * How long a request may take to arrive, and its headers, in milliseconds; connections are looked at as often as said.
 * Node takes the two for one another where only the first is set.
 */
const ARRIVAL = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 2_000 };
const GIVEN_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The HTTP server: its limits, its request ids, and what it answers when a request is no HTTP. */
export function httpServer(config: Config, log: FastifyBaseLogger, apis: MountedApis): FastifyAdapter {
  const refusalByHead = headRules(config);
  const adapter = new FastifyAdapter({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A request's line is written once, by src/ops/request-log.ts, so no request needs a logger of its own.
    childLoggerFactory: (logger: FastifyBaseLogger) => logger,
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_ID_CHARS },
    // Node would answer a request without Host by itself; src/http/head-rules.ts does.
    http: { ...ARRIVAL, requireHostHeader: false },
    requestTimeout: ARRIVAL.requestTimeout,
    trustProxy: proxyTrust(config.trustProxy),
    genReqId: ({ headers }: IncomingMessage) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && GIVEN_REQUEST_ID.test(given) ? given : randomUUID();
    },
    // In-flight requests are answered while the server closes; idle connections are not waited for.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // What the router itself refuses, such as a path that is wrongly escaped, reaches no filter.
    frameworkErrors: (_error: Error, request: FastifyRequest, reply: FastifyReply) => {
      const flaws = [{ in: 'path', message: 'the path is not valid' }] as const;
      const { errors, contract } = apis.at(request.url);
      mark(request, reply);
      void reply.send(replyError(request, reply, errors, { reason: 'invalid_request', flaws }));
      const trace = idsOf(readTraceContext(request.headers));
      logUnread(log, request.id, reply.statusCode, readAddress(request.ip), contract, trace);
    },
    clientErrorHandler: (error, socket) =>
      answerBrokenRequest(error as unknown as BrokenRequest, socket, apis, log),
  });
  readBodies(adapter.getInstance(), apis);
  heedEveryHeader(adapter.getInstance().server);
  // Node keeps an address that was once asked for; from a connection that has been reset there is none to be had.
  adapter.getInstance().server.on('connection', (socket) => socket.remoteAddress);
  // Ahead of the adapter's own hooks: those that turn foreign origins away answer themselves.
  adapter.setOnRequestHook((request, reply, done) => {
    mark(request, reply);
    beginRecord(request, apis);
    noteHeaders(request.raw);
    done(refusalByHead(request, reply));
  });
  return adapter;
}

/** Lets no request by on Node's own ways: the hooks see each, and each with all of its headers. */
function heedEveryHeader(server: Server): void {
  // Node leaves out those beyond the thousandth, such as an Upgrade that it minds itself; what a head may hold is bounded.
  server.maxHeadersCount = 0;
  // An Expect that is not known may be ignored (RFC 9110 section 10.1.1); Node answers it 417, without an id.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Sets the headers of every answer. What is not said otherwise may hold a token (RFC 6749 section 5.1). */
function mark({ id, headers }: FastifyRequest, reply: FastifyReply): void {
  reply.headers(SECURITY_HEADERS).headers({ 'x-request-id': id, 'cache-control': 'no-store' });
  // Node drops what follows an ignored Upgrade in its packet: later answers would be taken for those of other requests.
  if (headers.upgrade !== undefined) reply.header('connection', 'close');
}

/** Names the contract for log and metrics, and whether it is a dry run, whatever becomes of the request. */
function beginRecord(request: FastifyRequest, apis: MountedApis): void {
  const { contract, dryRunPaths } = apis.of(request);
  if (contract !== undefined) recordOf(request).contract = contract;
  const { dryRun } = request.query as { dryRun?: unknown };
  if (dryRun === 'true' && dryRunPaths.includes(request.routeOptions.url ?? ''))
    recordOf(request).dryRun = true;
}
