import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RefusalException } from './errors/http-refusal.js';

/** The last request of each connection whose headers have been read: it is its body that comes next. */
const latest = new WeakMap<Socket, IncomingMessage>();

/** Notes that the headers of `request` have been read. */
export function noteHeaders(request: IncomingMessage): void {
  latest.set(request.socket, request);
}

/**
 * Lets whoever waits for a body on this connection fail with `failure`, so that the request is answered as itself: in
 * the error format of its path, with its id, in its line of the log. False if nobody waits for one.
 */
export function failAwaitedBody(socket: Socket, failure: RefusalException): boolean {
  const request = latest.get(socket);
  if (!request || request.complete || request.listenerCount('error') === 0) return false;
  request.emit('error', failure);
  return true;
}
