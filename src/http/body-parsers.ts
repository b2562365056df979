import { parse as parseForm } from 'fast-querystring';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusalException } from './errors/http-refusal.js';
import type { MountedApi, MountedApis } from './mounted-apis.js';

/** An access token of the largest session that a JSON body can open is a third longer than that, and is introspected. */
const MAX_FORM_BYTES = 32 * 1024;
/** Validators walk a body to its ends; nothing that is sent here needs more levels. */
const MAX_DEPTH = 16;
const FOREIGN_CHARSET = {
  reason: 'unsupported_media_type',
  flaws: [{ in: 'header', name: 'content-type', message: 'the charset of the body must be utf-8' }],
} as const;
const TOO_DEEP = { in: 'body', message: `the body is nested deeper than ${MAX_DEPTH} levels` } as const;

/**
 * Reads JSON and forms in UTF-8, each only where the path's API reads it; any other media type is answered 415 unread.
 * An empty body is no body, of whatever type it says that it is: `axios.post(url, null)` says that it is a form.
 */
export function readBodies(server: FastifyInstance, apis: MountedApis): void {
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    if (headers['content-length'] === '0') delete headers['content-type'];
    done();
  });
  const addParser = (type: MountedApi['reads'], parse: Parse, limit = {}): void => {
    server.addContentTypeParser(type, { parseAs: 'string', ...limit }, (request, text, done) => {
      if (text === '') done(null, undefined);
      else if (apis.of(request).reads !== type)
        done(new RefusalException({ reason: 'unsupported_media_type' }));
      else if (!isUtf8(request)) done(new RefusalException(FOREIGN_CHARSET));
      else parse(request, text as string, done);
    });
  };
  addParser('application/json', (request, text, done) => {
    void parseJson(request, text, (error, value: unknown) => {
      if (!error && isDeeperThan(MAX_DEPTH, value))
        done(new RefusalException({ reason: 'invalid_request', flaws: [TOO_DEEP] }));
      else done(error, value);
    });
  });
  // A parameter that came several times is a list, for its reader to refuse (RFC 6749 section 3.2).
  addParser('application/x-www-form-urlencoded', (_request, text, done) => done(null, parseForm(text)), {
    bodyLimit: MAX_FORM_BYTES,
  });
}

type Parse = (
  request: FastifyRequest,
  text: string,
  done: (error: Error | null, value?: unknown) => void,
) => void;

/** What says nothing is: JSON has no other charset (RFC 8259 section 8.1), and a form none to be named. */
function isUtf8({ headers }: FastifyRequest): boolean {
  const [, charset] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '') ?? [];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}
