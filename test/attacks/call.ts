import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { TestDatabase } from '../support/database.ts';
import { readConfig } from '../../src/config/environment.ts';
import { contracts, EVERY_CONTRACT } from '../contracts/every-contract.ts';
import { SERVICE_KEY, SETTINGS } from '../support/service.ts';

/** How a test service is configured. */
export const config = readConfig(
  { ...SETTINGS, CONTRACTS: EVERY_CONTRACT, DATABASE_URL: 'postgresql://localhost/none' },
  contracts,
);

/** A request as it is to be sent, many at a time over connections that stay open. */
export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** What came back, unread. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Connections that are kept between calls; the test ends them. */
export const connections = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a call to the service at `url`. */
export function send(url: string, { method = 'POST', path, headers = {}, body }: Call): Promise<Answer> {
  const { hostname, port } = new URL(url);
  // Node gives a DELETE no length of its own.
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path,
        method,
        headers: { ...headers, ...length },
        agent: connections,
        timeout: 20_000,
      },
      (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
        incoming.on('end', () => resolve({ status: incoming.statusCode!, headers: incoming.headers, text }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A POST of JSON. */
export function json(path: string, body: unknown, headers: OutgoingHttpHeaders = {}): Call {
  return { path, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** A POST of a form. */
export function form(path: string, fields: Record<string, string>, headers: OutgoingHttpHeaders = {}): Call {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return { path, headers: { ...type, ...headers }, body: new URLSearchParams(fields).toString() };
}

/** A call with the service key. */
export function asBackend(method: string, path: string, body?: unknown): Call {
  const authorization = `Bearer ${SERVICE_KEY}`;
  return body === undefined
    ? { method, path, headers: { authorization } }
    : { ...json(path, body, { authorization }), method };
}

/** The body of an answer that is JSON. */
export function bodyOf({ text }: Answer): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

/** Every row of every table, with where it lies and who wrote it, unless `values` alone are wanted. */
export async function dumpAll(database: TestDatabase, values = false): Promise<string> {
  const tables = await database.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  );
  const rows: unknown[] = [];
  for (const { name } of tables) {
    const what = values ? 't.*' : 'ctid, xmin, xmax, t.*';
    rows.push(name, await database.query(`SELECT ${what} FROM ${name} t ORDER BY t::text`));
  }
  return JSON.stringify(rows, (_name, value: unknown) => {
    const { type, data } = (value ?? {}) as { type?: unknown; data?: number[] };
    return type === 'Buffer' ? Buffer.from(data!).toString('hex') : value;
  });
}

/** One line a kind of attack: how often it was run, and what came of it. */
export function report(attack: string, times: number, outcome: string): void {
  console.log(`${attack}: ${times} times; ${outcome}`);
}

/** Counts, as words for a report. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(what: string | number): void {
    this.counts.set(String(what), this.of(what) + 1);
  }

  of(what: string | number): number {
    return this.counts.get(String(what)) ?? 0;
  }

  toString(): string {
    const sorted = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([what, count]) => `${what} × ${count}`).join(', ') || 'nothing';
  }
}
