import type { IncomingHttpHeaders } from 'node:http';

/** A place in a trace (W3C Trace Context): what a request names as its parent. */
export interface TraceContext {
  readonly traceId: string;
  /** The span that is the parent of what comes next. */
  readonly spanId: string;
  readonly flags: number;
  /** `tracestate`: what others keep in the trace for themselves. */
  readonly state?: string;
}

/** The flag of a trace that whoever began it has recorded. */
export const SAMPLED = 0x01;
/** The flags that are known: sampled, and, from level 2 on, random. */
const KNOWN_FLAGS = 0x03;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_VERSION = 'ff';
const NONE = /^0+$/;

/** The most of `tracestate` that is passed on, in characters and members: what the specification asks for at the least. */
const MOST_STATE_CHARS = 512;
const MOST_STATE_MEMBERS = 32;
const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Where in a trace a request says that it is; undefined where it says nothing that is valid. */
export function readTraceContext(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  const [, version, traceId, spanId, flags, more] =
    (typeof traceparent === 'string' && TRACEPARENT.exec(traceparent)) || [];
  if (version === undefined || version === NO_VERSION) return undefined;
  // Later versions may append to what they begin with.
  if (version === '00' && more !== undefined) return undefined;
  if (NONE.test(traceId!) || NONE.test(spanId!)) return undefined;
  const state = readState(tracestate);
  return {
    traceId: traceId!,
    spanId: spanId!,
    flags: Number.parseInt(flags!, 16) & KNOWN_FLAGS,
    ...(state && { state }),
  };
}

function readState(tracestate: unknown): string | undefined {
  if (typeof tracestate !== 'string' || tracestate.length > MOST_STATE_CHARS) return undefined;
  const members = tracestate
    .split(',')
    .map((member) => member.trim())
    .filter(Boolean);
  if (members.length > MOST_STATE_MEMBERS || !members.every((member) => MEMBER.test(member)))
    return undefined;
  return members.join(',');
}

/** The headers with which a request names `context` as its parent. */
export function headersOf({ traceId, spanId, flags, state }: TraceContext): Record<string, string> {
  const traceparent = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
  return { traceparent, ...(state !== undefined && { tracestate: state }) };
}

/** How the log names a trace. */
export interface LoggedTrace {
  readonly traceId: string;
  readonly spanId: string;
}

/** What the log line of a request in `context` says of it. */
export function idsOf(context: TraceContext | undefined): LoggedTrace | undefined {
  return context && { traceId: context.traceId, spanId: context.spanId };
}
