import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { proxyTrust } from './client-address.js';
import { RefusalException } from './errors/http-refusal.js';

/** Why a request is refused for its head alone, wherever it goes; undefined if it is not. */
export type HeadRules = (request: FastifyRequest, reply: FastifyReply) => RefusalException | undefined;

/** The rules of this service for the heads of requests. */
export function headRules(config: Config): HeadRules {
  const trusts = proxyTrust(config.trustProxy);
  // What is told of the scheme by whoever is not trusted, is not told.
  const cameByHttp = ({ headers, protocol, raw, url }: FastifyRequest): boolean =>
    headers['x-forwarded-proto'] !== undefined &&
    protocol !== 'https' &&
    trusts !== false &&
    trusts(raw.socket.remoteAddress, 0) &&
    !url.startsWith('/health/');
  return (request, reply) => {
    const mistake = mistakeInHost(request);
    if (mistake !== undefined) return refused('invalid_request', 'host', mistake);
    if (config.production && cameByHttp(request))
      return refused('invalid_request', 'x-forwarded-proto', BY_HTTP);
    const coding = request.headers['content-encoding'];
    if (coding === undefined || coding.toLowerCase() === 'identity') return undefined;
    // What there is instead (RFC 9110 section 15.5.16).
    reply.header('accept-encoding', 'identity');
    return refused('unsupported_media_type', 'content-encoding', ENCODED);
  };
}

/** A request names its host once (RFC 9112 section 3.2): of two, a proxy may have gone by the other. */
function mistakeInHost({ raw: { rawHeaders, httpVersion } }: FastifyRequest): string | undefined {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.length === 4 && rawHeaders[at]!.toLowerCase() === 'host') hosts++;
  if (hosts > 1) return 'the header host was sent twice';
  return hosts === 0 && httpVersion === '1.1' ? 'the header host is missing' : undefined;
}

const BY_HTTP = 'the request came over plain HTTP, where anyone on the way can read its token; use https';
const ENCODED = 'the body must not be compressed: content-encoding is to be left out';

function refused(
  reason: 'invalid_request' | 'unsupported_media_type',
  name: string,
  message: string,
): RefusalException {
  return new RefusalException({ reason, flaws: [{ in: 'header', name, message }] });
}
