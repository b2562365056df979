import { AsyncLocalStorage } from 'node:async_hooks';
import { headersOf, type TraceContext } from './trace-context.js';

/** What is said of a span: from closed lists. No token, subject, session or address is among it. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Whether a span is of a request that came, of one that was made, or of work in this process. */
export type SpanKind = 'server' | 'client' | 'internal';

/** Something that takes its time, as part of a trace that is recorded. */
export interface Span {
  readonly context: TraceContext;
  /** Begins a span below this one. */
  start(name: string, kind: SpanKind, attributes?: Attributes): Span;
  set(attributes: Attributes): void;
  /** Says that it failed, of an error of this kind. */
  fail(kind: string): void;
  end(): void;
}

/** The trace that a request is part of, and its span if that is recorded. */
export interface Trace {
  readonly context: TraceContext;
  readonly span?: Span;
}

const current = new AsyncLocalStorage<Trace>();

/** Does `work` as a part of `trace`, with all that it calls and awaits. */
export function inTrace<T>(trace: Trace, work: () => T): T {
  return current.run(trace, work);
}

/** The span that is being worked for; undefined if none is recorded. */
export function currentSpan(): Span | undefined {
  return current.getStore()?.span;
}

/** The headers that pass the trace on to whom this service asks; none if there is no trace. */
export function traceHeaders(): Record<string, string> {
  const trace = current.getStore();
  return trace ? headersOf(trace.context) : {};
}

/** Does `work` in a span of its own, if the request that it is done for is recorded. */
export async function inSpan<T>(
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  work: (span?: Span) => Promise<T>,
): Promise<T> {
  const span = currentSpan()?.start(name, kind, attributes);
  if (!span) return work();
  try {
    return await current.run({ context: span.context, span }, () => work(span));
  } catch (error) {
    span.fail(kindOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The kind of an error, or of its cause; never its message, which may quote what was sent. */
export function kindOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : name;
}
