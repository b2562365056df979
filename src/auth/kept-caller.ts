import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Config } from '../config/config.js';
import type { Caller } from '../core/session-event.js';

/** What programs call themselves is theirs to make long; so much tells one from another. */
const MOST_CHARACTERS = 120;

/** What is kept of a caller: all, nothing, or in place of the address the network that it is in. */
export function keptOf({ address, userAgent }: Caller, how: Config['history']['callers']): Caller {
  if (how === 'off') return {};
  return {
    ...(address !== undefined && { address: how === 'full' ? address : networkOf(address) }),
    ...(userAgent !== undefined && { userAgent: userAgent.slice(0, MOST_CHARACTERS) }),
  };
}

/** As much of an address as names a neighbourhood, not a household: 24 bits, or of IPv6 48. */
function networkOf(address: string): string {
  if (isIPv4(address)) return address.replace(/[0-9]+$/, '0/24');
  const parts = ipaddr.IPv6.parse(address).parts.map((part, at) => (at < 3 ? part : 0));
  return `${new ipaddr.IPv6(parts).toString()}/48`;
}
