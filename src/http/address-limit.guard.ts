import { isIPv4 } from 'node:net';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { RateLimiter, type RateStanding } from '../auth/rate-limiter.js';
import type { RefusalDetail } from '../core/refusal.js';
import { clientAddress } from './client-address.js';
import { RefusalException } from './errors/http-refusal.js';
import { recordOf } from './request-record.js';

/** Limits the requests of an address, dry runs by themselves, and says where it stands. */
@Injectable()
export class AddressLimitGuard implements CanActivate {
  constructor(private readonly limiter: RateLimiter) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const standing = await this.limiter.fromAddress(networkOf(request), recordOf(request).dryRun);
    holdTo(standing, context.switchToHttp().getResponse(), 'address_limit');
    return true;
  }
}

/**
 * Says where a caller stands against a limit (draft-ietf-httpapi-ratelimit-headers, as of version 7).
 *
 * @throws RefusalException rate_limited if it is passed
 */
export function holdTo(standing: RateStanding | undefined, reply: FastifyReply, detail: RefusalDetail): void {
  if (!standing) return;
  reply.header('ratelimit-limit', String(standing.limit));
  reply.header('ratelimit-remaining', String(standing.remaining));
  reply.header('ratelimit-reset', String(standing.reset));
  if (!standing.allowed)
    throw new RefusalException({ reason: 'rate_limited', retryAfter: standing.reset, detail });
}

/**
 * What a request is counted under: its address. An IPv6 customer is given a network of 64 bits, so its addresses are
 * counted as one. Those who hang up so early that they leave no address are counted as one too.
 */
export function networkOf(request: FastifyRequest): string {
  const address = clientAddress(request);
  if (address === undefined || isIPv4(address)) return address ?? 'unknown';
  return `${ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':')}::/64`;
}
