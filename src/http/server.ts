import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import cookieParser from 'cookie-parser';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Config } from '../config/config.js';
import { speak } from './exchange.js';
import { FailedRequest, type Failure } from './failure.js';
import type { Voice, Voices } from './voices.js';

/** A body holds one token and little else. Claims of a session to be opened must fit too. */
const MAX_BODY_BYTES = 16 * 1024;
/** Validators walk a body to its ends; nothing that is sent here needs more levels. */
const MAX_DEPTH = 16;
const TOO_DEEP = { in: 'body', message: `the body is nested deeper than ${MAX_DEPTH} levels` } as const;
const REQUEST_TIMEOUT = 30_000;
const GIVEN_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The HTTP server: its limits, its request ids, and what it answers when a request is no HTTP. */
export function httpServer(config: Config, log: FastifyBaseLogger, voices: Voices): FastifyAdapter {
  const adapter = new FastifyAdapter({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A request's line is written once, by src/ops/request-log.ts, so no request needs a logger of its own.
    childLoggerFactory: (logger: FastifyBaseLogger) => logger,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT,
    trustProxy: trustedProxies(config.trustProxy),
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
      const { words, contract } = voices.at(request.url);
      mark(request, reply);
      void reply.send(speak(request, reply, words, { reason: 'invalid_request', flaws }));
      logUnread(log, request.id, reply.statusCode, request.ip, contract);
    },
    clientErrorHandler: (error, socket) =>
      answerBrokenRequest(error as unknown as BrokenRequest, socket, voices, log),
  });
  readBodies(adapter.getInstance(), voices);
  // Ahead of the adapter's own hooks: those that turn foreign origins away answer themselves.
  adapter.setOnRequestHook((request, reply, done) => {
    mark(request, reply);
    done();
  });
  readCookies(adapter.getInstance());
  return adapter;
}

/** Parses the cookies of a request that has any. A hook, since Nest's middleware would be run for every request. */
function readCookies(server: FastifyInstance): void {
  const parse = cookieParser();
  server.addHook('onRequest', ({ headers, raw }, reply, done) => {
    if (headers.cookie === undefined) done();
    else parse(raw as never, reply.raw as never, done as never);
  });
}

/** Sets the headers of every answer. What is not said otherwise may hold a token (RFC 6749 section 5.1). */
function mark(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' });
}

/**
 * Reads JSON and forms, each only where the path's API reads it; any other media type is answered 415 unread. An empty
 * body of the right type is no body.
 */
function readBodies(server: FastifyInstance, voices: Voices): void {
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  const addParser = (type: Voice['reads'], parse: Parse): void => {
    server.addContentTypeParser(type, { parseAs: 'string' }, (request, text, done) => {
      if (voices.of(request).reads !== type) done(new FailedRequest({ reason: 'unsupported_media_type' }));
      else if (text === '') done(null, undefined);
      else parse(request, text as string, done);
    });
  };
  addParser('application/json', (request, text, done) => {
    void parseJson(request, text, (error, value: unknown) => {
      if (!error && isDeeperThan(MAX_DEPTH, value))
        done(new FailedRequest({ reason: 'invalid_request', flaws: [TOO_DEEP] }));
      else done(error, value);
    });
  });
  addParser('application/x-www-form-urlencoded', (_request, text, done) => done(null, readForm(text)));
}

type Parse = (
  request: FastifyRequest,
  text: string,
  done: (error: Error | null, value?: unknown) => void,
) => void;

/** A form as an object; a parameter that came several times is a list (RFC 6749 section 3.2 forbids it, for later). */
function readForm(text: string): Record<string, string | string[]> {
  const form = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = form.get(name);
    form.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(form);
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

/** As Node reports it: with what it had read. */
interface BrokenRequest extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

function trustedProxies(
  trusted: Config['trustProxy'],
): false | string[] | ((address: string, hop: number) => boolean) {
  if (typeof trusted === 'number') return (_address, hop) => hop < trusted;
  return trusted && [...trusted];
}

/** Answers what Node could not read as HTTP, such as headers of 100 KB, in the words of the path if it got that far. */
function answerBrokenRequest(
  error: BrokenRequest,
  socket: Socket,
  voices: Voices,
  log: FastifyBaseLogger,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const reason: Failure = tooLarge ? 'payload_too_large' : 'invalid_request';
  const message = tooLarge ? 'the headers are too large' : 'the request is not valid HTTP';
  const path =
    /^[A-Z]+ (\/[^ ?#]*)/.exec(error.rawPacket?.subarray(0, 1024).toString('latin1') ?? '')?.[1] ?? '/';
  const requestId = randomUUID();
  const { words, contract } = voices.at(path);
  const spoken = words({ reason, flaws: [{ in: 'header', message }] }, requestId);
  const status = tooLarge ? 431 : spoken.status;
  const body = JSON.stringify(spoken.body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `X-Request-Id: ${requestId}\r\nCache-Control: no-store\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  logUnread(log, requestId, status, socket.remoteAddress, contract);
}

/** The log line of a request that no hook saw: the id that its answer names must be found. */
function logUnread(
  log: FastifyBaseLogger,
  requestId: string,
  status: number,
  address: string | undefined,
  contract: string | undefined,
): void {
  log.info({ msg: 'request', requestId, path: '(unread)', status, address, contract, outcome: 'refused' });
}
