import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { LoggedTrace } from '../tracing/trace-context.js';
import { failAwaitedBody } from './awaited-body.js';
import { readAddress } from './client-address.js';
import { RefusalException, type HttpRefusalReason } from './errors/http-refusal.js';
import type { MountedApis } from './mounted-apis.js';
import { SECURITY_LINES } from './security-headers.js';

/** As Node reports it: with what it had read. */
export interface BrokenRequest extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** The connection was reset, or ended in the middle of a request. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

const NO_HTTP = { reason: 'invalid_request', message: 'the request is not valid HTTP' } as const;

/** What Node's errors are to the client. */
const BROKEN: Readonly<Record<string, { readonly reason: HttpRefusalReason; readonly message: string }>> = {
  HPE_HEADER_OVERFLOW: { reason: 'payload_too_large', message: 'the headers are too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { reason: 'request_timeout', message: 'the request took too long to arrive' },
};

/** How long whoever was told that their request is broken may take to read that, in milliseconds. */
const LINGER = 2_000;

/** As Node keeps it: with the answer that is next to be written. Its own handler of broken requests asks the same. */
type Answering = Socket & { readonly _httpMessage?: ServerResponse | null };

/**
 * Answers what Node could not read as HTTP, such as headers of 100 KB, in the error format of its path if it got that far.
 * Where an answer to an earlier request is still to come, the connection ends with neither: words written now would be
 * taken for that answer. A client that hears nothing asks again.
 */
export function answerBrokenRequest(
  error: BrokenRequest,
  socket: Socket,
  apis: MountedApis,
  log: FastifyBaseLogger,
): void {
  // Browsers open connections ahead of need: one that never asked for anything is told nothing.
  if (!socket.writable || HUNG_UP.has(error.code ?? '') || socket.bytesRead === 0) {
    socket.destroy();
    return;
  }
  const { reason, message } = BROKEN[error.code ?? ''] ?? NO_HTTP;
  const flaws = [{ in: 'header', message }] as const;
  // Answered as itself, and so after those before it.
  if (failAwaitedBody(socket, new RefusalException({ reason, flaws }))) return;
  if (owesAnother(socket)) {
    socket.destroy();
    return;
  }
  const path =
    /^[A-Z]+ (\/[^ ?#]*)/.exec(error.rawPacket?.subarray(0, 1024).toString('latin1') ?? '')?.[1] ?? '/';
  const requestId = randomUUID();
  const { errors, contract } = apis.at(path);
  const reply = errors({ reason, flaws }, requestId);
  const status = reason === 'payload_too_large' ? 431 : reply.status;
  const { body: said, headers: { 'content-type': type = 'application/json; charset=utf-8' } = {} } = reply;
  const body = typeof said === 'string' ? said : JSON.stringify(said);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\n` +
      `X-Request-Id: ${requestId}\r\nCache-Control: no-store\r\n${SECURITY_LINES}Connection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // Node looks no more at a connection that it has once complained of, and whoever is there may never close it.
  setTimeout(() => socket.destroy(), LINGER).unref();
  logUnread(log, requestId, status, readAddress(socket.remoteAddress), contract);
}

/** Whether an answer is due on the connection, other than to a request that is itself the broken one. */
function owesAnother(socket: Answering): boolean {
  const { _httpMessage: answer } = socket;
  return answer != null && (answer.req.complete || answer.headersSent);
}

/** The log line of a request that no hook saw: the id that its answer names must be found. */
export function logUnread(
  log: FastifyBaseLogger,
  requestId: string,
  status: number,
  address: string | undefined,
  contract: string | undefined,
  trace?: LoggedTrace,
): void {
  log.info({
    msg: 'request',
    requestId,
    ...trace,
    path: '(unread)',
    status,
    address,
    contract,
    outcome: 'refused',
  });
}
