import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { recordOf } from '../http/request-record.js';
import { inTrace, type Attributes, type Trace } from '../tracing/current-trace.js';
import {
  idsOf,
  readTraceContext,
  SAMPLED,
  type LoggedTrace,
  type TraceContext,
} from '../tracing/trace-context.js';

/** What records the traces of requests. */
export interface Tracing {
  /** Begins a request's span, `ms` milliseconds ago; without a span if it is not to be recorded. */
  begin(name: string, parent: TraceContext | undefined, ms: number): Trace;
  /** Exports what there is, within a short time. */
  end(): Promise<void>;
}

const BEGUN = Symbol('trace');
type Traced = FastifyRequest & { [BEGUN]?: Trace | undefined };

/** The methods that a span may be named after (RFC 9110 and RFC 5789). */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

/** The traces that requests are part of: those that their callers began, and those that are recorded here. */
export class RequestTraces {
  private readonly host: Attributes;

  /** @param tracing undefined if none are recorded: they are named in the log all the same, and passed on */
  constructor(
    private readonly config: Config,
    private readonly tracing?: Tracing,
  ) {
    this.host = { 'server.address': new URL(config.issuer).hostname };
  }

  /** Lets what a request is handled with know its trace, if it would do anything with that. */
  follow(server: FastifyInstance): void {
    const { tracing } = this;
    const passesOn = this.config.legacy.issuer !== undefined;
    if (!tracing && !passesOn) return;
    // When the body has come: whatever waits for that forgets what it was called for.
    server.addHook('preHandler', (request, reply, done) => {
      const trace = this.of(request, reply);
      if (trace?.span || (trace && passesOn)) inTrace(trace, done);
      else done();
    });
    if (tracing) server.addHook('onClose', () => tracing.end());
  }

  /** A request has been answered, or has gone: what its log line says of its trace. */
  finish(request: FastifyRequest, reply: FastifyReply, status: number): LoggedTrace | undefined {
    const span = this.tracing && this.of(request, reply)?.span;
    if (span) {
      span.set(this.about(request, status));
      if (status >= 500) span.fail(String(status));
      span.end();
    }
    return idsOf(span?.context ?? readTraceContext(request.headers));
  }

  private of(request: Traced, reply: FastifyReply): Trace | undefined {
    if (!this.tracing) {
      const context = readTraceContext(request.headers);
      return context && { context };
    }
    return (request[BEGUN] ??= this.begin(this.tracing, request, reply));
  }

  private begin(tracing: Tracing, request: FastifyRequest, reply: FastifyReply): Trace | undefined {
    const parent = readTraceContext(request.headers);
    const { url } = request.routeOptions;
    // Of interest to nobody but who follows this very one.
    if (isRoutine(url) && !((parent?.flags ?? 0) & SAMPLED)) return parent && { context: parent };
    const method = METHODS.has(request.method) ? request.method : 'HTTP';
    return tracing.begin(url === undefined ? method : `${method} ${url}`, parent, reply.elapsedTime);
  }

  private about(request: FastifyRequest, status: number): Attributes {
    const { url } = request.routeOptions;
    const { contract, outcome, reason, detail, dryRun } = recordOf(request);
    return {
      ...this.host,
      'url.scheme': request.protocol === 'https' ? 'https' : 'http',
      'http.request.method': METHODS.has(request.method) ? request.method : '_OTHER',
      ...(url !== undefined && { 'http.route': url }),
      'http.response.status_code': status,
      ...(contract !== undefined && { 'ratchet.contract': contract }),
      ...(outcome !== undefined && { 'ratchet.outcome': outcome }),
      ...(reason !== undefined && { 'ratchet.reason': reason }),
      ...(detail !== undefined && { 'ratchet.detail': detail }),
      ...(dryRun && { 'ratchet.dry_run': true }),
    };
  }
}

/** Whether a route is asked every so often by machines, or is of the documentation: none whose requests are of interest. */
export function isRoutine(path = ''): boolean {
  return /^\/(health|docs|metrics$|console\/(live|style))/.test(path);
}
