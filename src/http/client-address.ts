import { BlockList, isIP, isIPv4 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Config } from '../config/config.js';
import type { Caller } from '../core/session-event.js';

/** Networks that TRUST_PROXY may name in a word. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Where a request comes from, as far as trusted proxies say: the client's address, else that of the proxy that could
 * not name it, else the connection's. Always an address, in one spelling. Undefined if the connection was reset before
 * its address could be asked for.
 */
export function clientAddress({ ips, ip }: FastifyRequest): string | undefined {
  const believed = ips ?? [ip];
  for (let last = believed.length - 1; last >= 0; last--) {
    const address = readAddress(believed[last]);
    if (address !== undefined) return address;
  }
  return undefined;
}

/**
 * The address in an entry of `X-Forwarded-For`, without port, brackets and zone; one of IPv4 that is written as IPv6 is
 * given as IPv4. Undefined if there is none, as in `unknown` or `_hidden`.
 */
export function readAddress(entry: string | undefined): string | undefined {
  if (entry === undefined || isIPv4(entry)) return entry;
  const text = entry.trim();
  const [, bracketed, beforePort] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? [];
  const address = (bracketed ?? beforePort ?? text).replace(/%.*$/, '');
  return isIP(address) === 0 ? undefined : ipaddr.process(address).toString();
}

/** Where a request comes from, and with what. */
export function callerOf(request: FastifyRequest): Caller {
  const address = clientAddress(request);
  const userAgent = request.headers['user-agent'];
  return { ...(address !== undefined && { address }), ...(userAgent !== undefined && { userAgent }) };
}

/** Whom Fastify is to believe `X-Forwarded-*`: a sender by its address and how many proxies stand before it. */
export function proxyTrust(
  trusted: Config['trustProxy'],
): false | ((sender: string | undefined, hop: number) => boolean) {
  if (trusted === false) return false;
  if (typeof trusted === 'number') return (_sender, hop) => hop < trusted;
  const networks = networksOf(trusted);
  return (sender) => {
    const address = readAddress(sender);
    return address !== undefined && networks.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  };
}

function networksOf(trusted: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const network of trusted.flatMap((item) => NAMED[item] ?? item)) {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) networks.addAddress(address, family);
    else networks.addSubnet(address, Number(bits), family);
  }
  return networks;
}
