import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it was exported. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  /** In nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly failed: boolean;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

type Attributes = Readonly<Record<string, unknown>>;
type Listed = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];

/** As OTLP has it in JSON: of ExportTraceServiceRequest, what is looked at. */
interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Listed };
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[];
  }[];
}

interface ExportedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Listed;
  readonly status: { readonly code: number };
}

const KINDS = ['', 'internal', 'server', 'client'] as const;
const ERROR = 2;

/** A collector: takes traces over OTLP/HTTP in JSON, and keeps them. */
export class OtlpReceiver {
  /** All that has come, as it came. */
  bytes = '';
  readonly spans: ReceivedSpan[] = [];
  /** Those of the last request. */
  headers: IncomingHttpHeaders = {};
  /** Whether it takes what it is sent and says nothing. */
  silent = false;
  private readonly unanswered: ServerResponse[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        if (request.method !== 'POST' || request.url !== '/v1/traces') {
          response.writeHead(404).end();
          return;
        }
        this.headers = request.headers;
        this.bytes += body;
        this.spans.push(...spansOf(JSON.parse(body) as Exported));
        if (this.silent) this.unanswered.push(response);
        else response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  /** Starts it: its endpoint. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Answers what it had not. */
  speak(): void {
    this.silent = false;
    for (const response of this.unanswered.splice(0)) response.end('{}');
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The spans of a trace, the first begun first. */
  of(traceId: string): ReceivedSpan[] {
    return this.spans
      .filter((span) => span.traceId === traceId)
      .sort((one, other) => Number(one.start - other.start));
  }
}

function spansOf({ resourceSpans }: Exported): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        kind: KINDS[span.kind] as ReceivedSpan['kind'],
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId,
        traceState: span.traceState,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        failed: span.status.code === ERROR,
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  );
}

function plain(attributes: Listed): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
