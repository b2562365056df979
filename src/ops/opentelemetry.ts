import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createTraceState,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span as SdkSpan,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { OnceAMinute } from '../auth/once-a-minute.js';
import { SystemClock } from '../auth/clock.js';
import { versionOfService } from '../config/version.js';
import type { Attributes, Span, SpanKind as Kind, Trace } from '../tracing/current-trace.js';
import type { TraceContext } from '../tracing/trace-context.js';
import type { Tracing } from './request-traces.js';

/** How long what has been recorded has to be exported when the service ends, in milliseconds: a collector may be away. */
const FLUSH_WITHIN = 2_000;

const KINDS: Readonly<Record<Kind, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/**
 * OpenTelemetry, which is loaded with this file: where no traces are exported, nothing imports it. The SDK reads its
 * variables of the environment. What a collector does not take in time is dropped.
 */
export function startTracing(log: Pick<Logger, 'warn'>): Tracing {
  const warn = warner(log);
  // Of itself: how many spans found its queue full, and which variable it does not heed.
  diag.setLogger({ ...SILENT, warn }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new BasicTracerProvider({
    resource: resource(),
    spanProcessors: [new BatchSpanProcessor(telling(new OTLPTraceExporter(), warn))],
  });
  const tracer = provider.getTracer('ratchet', versionOfService());
  return {
    begin: (name, parent, ms) => begin(tracer, name, parent, ms),
    end: async () => {
      await Promise.race([
        provider.shutdown().catch(() => undefined),
        pause(FLUSH_WITHIN, undefined, { ref: false }),
      ]);
    },
  };
}

const nothing = (): void => undefined;
const SILENT = { error: nothing, warn: nothing, info: nothing, debug: nothing, verbose: nothing };

function warner(log: Pick<Logger, 'warn'>): (why: string) => void {
  const onceAMinute = new OnceAMinute(new SystemClock());
  return (why) => onceAMinute.do(() => log.warn({ msg: 'tracing is not as it should be', why }));
}

/** Who the spans are of: by name unless the environment says otherwise, and each process by itself. */
function resource(): ReturnType<typeof defaultResource> {
  const own = resourceFromAttributes({
    'service.name': 'ratchet',
    'service.version': versionOfService(),
    'service.instance.id': randomUUID(),
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

/** An exporter whose failures are told. */
function telling(exporter: SpanExporter, warn: (why: string) => void): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const { code, message } = (result.error ?? {}) as { code?: string | number; message?: string };
        if (result.error) warn(`the collector took no spans: ${code ?? message}`);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

function begin(tracer: Tracer, name: string, parent: TraceContext | undefined, ms: number): Trace {
  // Times of a trace are reckoned by one clock that never jumps.
  const origin = Date.now() - performance.now();
  const span = tracer.startSpan(
    name,
    { kind: SpanKind.SERVER, startTime: origin + performance.now() - ms },
    parent ? trace.setSpanContext(ROOT_CONTEXT, remote(parent)) : ROOT_CONTEXT,
  );
  return span.isRecording()
    ? { context: contextOf(span), span: new RecordedSpan(tracer, span, origin) }
    : { context: contextOf(span) };
}

class RecordedSpan implements Span {
  constructor(
    private readonly tracer: Tracer,
    private readonly span: SdkSpan,
    private readonly origin: number,
  ) {}

  get context(): TraceContext {
    return contextOf(this.span);
  }

  start(name: string, kind: Kind, attributes: Attributes = {}): Span {
    const span = this.tracer.startSpan(
      name,
      { kind: KINDS[kind], attributes, startTime: this.now() },
      trace.setSpan(ROOT_CONTEXT, this.span),
    );
    return new RecordedSpan(this.tracer, span, this.origin);
  }

  set(attributes: Attributes): void {
    this.span.setAttributes(attributes);
  }

  fail(kind: string): void {
    this.span.setAttribute('error.type', kind).setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.span.end(this.now());
  }

  private now(): number {
    return this.origin + performance.now();
  }
}

function remote({ traceId, spanId, flags, state }: TraceContext): SpanContext {
  const traceState = state === undefined ? {} : { traceState: createTraceState(state) };
  return { traceId, spanId, traceFlags: flags, isRemote: true, ...traceState };
}

function contextOf(span: SdkSpan): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const state = traceState?.serialize();
  return { traceId, spanId, flags: traceFlags, ...(state && { state }) };
}
