import { Injectable, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import type { Flaw } from '../../core/refusal.js';
import { RefusalException } from '../errors/http-refusal.js';
import { unknownMembers } from './unknown-members.js';

/** The DTOs that a handler reads; undefined where it reads nothing. */
interface Reads {
  readonly query: Type | undefined;
  readonly body: Type | undefined;
}

/**
 * Refuses members of a body and parameters of a query that the route does not know: dropped, a misspelled `except` would
 * end every session. What a route knows is what the DTOs of its handler declare. For the service's own APIs; contracts
 * are as lenient as their clients need.
 */
@Injectable()
export class KnownMembersGuard implements CanActivate {
  private readonly reads = new Map<unknown, Reads>();

  canActivate(context: ExecutionContext): boolean {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const reads = this.readsOf(context.getClass(), context.getHandler());
    const flaws = [
      ...repeated(query as Readonly<Record<string, unknown>>),
      ...unknownMembers(reads.query, query, 'query'),
      ...unknownMembers(reads.body, body, 'body'),
    ];
    if (flaws.length > 0) throw new RefusalException({ reason: 'invalid_request', flaws });
    return true;
  }

  private readsOf(controller: Type, handler: { readonly name: string }): Reads {
    let reads = this.reads.get(handler);
    if (!reads) {
      const places = Object.keys(
        (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler.name) ?? {}) as object,
      );
      const types = Reflect.getMetadata(
        'design:paramtypes',
        controller.prototype as object,
        handler.name,
      ) as Type[];
      // As Nest keeps what each argument of a handler is: `<kind>:<index>`.
      const typeOf = (kind: RouteParamtypes): Type | undefined =>
        types[Number(places.find((place) => place.startsWith(`${kind}:`))?.split(':')[1])];
      reads = { query: typeOf(RouteParamtypes.QUERY), body: typeOf(RouteParamtypes.BODY) };
      this.reads.set(handler, reads);
    }
    return reads;
  }
}

function repeated(query: Readonly<Record<string, unknown>>): Flaw[] {
  return Object.keys(query)
    .filter((name) => Array.isArray(query[name]))
    .map((name) => ({ in: 'query', name, message: `${name} was sent more than once` }));
}
