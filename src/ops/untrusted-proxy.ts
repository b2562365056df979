import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { proxyTrust } from '../http/client-address.js';

/**
 * Warns, once, of a request that says where it comes from by way of somebody who is not believed. Behind a proxy that nobody
 * has named in TRUST_PROXY, all users are one address, and are told 429 together.
 */
export function warnOfUntrustedProxies(
  server: FastifyInstance,
  log: Pick<Logger, 'warn'>,
  trusted: Config['trustProxy'],
): void {
  const trusts = proxyTrust(trusted) || (() => false);
  let warned = false;
  server.addHook('onRequest', ({ headers, socket }: FastifyRequest, _reply, done) => {
    const { remoteAddress: proxy } = socket;
    if (!warned && (headers['x-forwarded-for'] ?? headers.forwarded) !== undefined && !trusts(proxy, 0)) {
      warned = true;
      const msg =
        'X-Forwarded-For came from an address that TRUST_PROXY does not name, and was not believed. If a proxy of yours ' +
        'is there, all its clients are limited as one: set TRUST_PROXY to its address, or to 1';
      log.warn({ msg, proxy });
    }
    done();
  });
}
