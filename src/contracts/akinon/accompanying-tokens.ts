import type { FastifyRequest } from 'fastify';

const BEARER = /^Bearer +(\S+)$/i;

/**
 * The access tokens that came with a refresh, by either header of the contract. A header that holds none, such as one
 * of another scheme, gives an empty text: whoever sends one must send one that fits.
 */
export function accompanyingTokens({ headers }: FastifyRequest): string[] {
  const { authorization, 'x-access-token': own } = headers;
  return [
    ...(authorization === undefined ? [] : [BEARER.exec(authorization)?.[1] ?? '']),
    ...(own === undefined ? [] : [String(own)]),
  ];
}
