import type { Config } from '../config/config.js';
import { inSpan, type Attributes } from '../tracing/current-trace.js';

/**
 * Where traces are recorded, `port` with each verb as a span of the request that asks: one statement, but for a few verbs.
 * A statement that many requests share is a span in the trace of each, with the wait for it: that is what this request waited
 * for, and a trace is whole whichever of the others are recorded. One span with links to all of them would be in none.
 *
 * @param what the table that it is about
 * @param kind `internal` where another process of this service is asked, and not PostgreSQL
 */
export function traced<Port extends object>(
  { tracing }: Config,
  port: Port,
  what: string,
  kind: 'client' | 'internal' = 'client',
): Port {
  if (!tracing) return port;
  const verbs = new Map<string, unknown>();
  return new Proxy(port, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof name !== 'string' || name === 'constructor' || typeof member !== 'function') return member;
      if (!verbs.has(name)) {
        const attributes: Attributes =
          kind === 'internal'
            ? {}
            : { 'db.system.name': 'postgresql', 'db.operation.name': name, 'db.collection.name': what };
        const ask = (asked: unknown[]): Promise<unknown> =>
          Reflect.apply(member, target, asked) as Promise<unknown>;
        verbs.set(name, (...asked: unknown[]) =>
          inSpan(`${name} ${what}`, kind, attributes, () => ask(asked)),
        );
      }
      return verbs.get(name);
    },
  });
}
