import { isIPv4 } from 'node:net';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { RateLimiter } from '../auth/rate-limiter.js';
import { FailedRequest } from './failure.js';

/** Limits the requests of an address, and says where it stands (draft-ietf-httpapi-ratelimit-headers, as of version 7). */
@Injectable()
export class AddressLimitGuard implements CanActivate {
  constructor(private readonly limiter: RateLimiter) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const standing = await this.limiter.fromAddress(networkOf(request.ip));
    if (!standing) return true;
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    reply.header('ratelimit-limit', String(standing.limit));
    reply.header('ratelimit-remaining', String(standing.remaining));
    reply.header('ratelimit-reset', String(standing.reset));
    if (!standing.allowed) throw new FailedRequest({ reason: 'rate_limited', retryAfter: standing.reset });
    return true;
  }
}

/** An IPv6 customer is given a network of 64 bits, so its addresses are counted as one. */
function networkOf(address: string): string {
  if (isIPv4(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4'
    ? parsed.toString()
    : `${(parsed as ipaddr.IPv6).parts.slice(0, 4).join(':')}::/64`;
}
