import type { Flaw } from './refusal.js';
import { isWithinScope, SCOPE } from './scope.js';
import type { Session } from './session.js';

/** What a client wants one access token to be for, of what its session grants: all of it, where nothing is said. */
export interface Narrowing {
  /** Scope values (RFC 6749 section 6). */
  readonly scope?: string;
  /** Those of the session's audiences that the token is for (RFC 8707 section 2). */
  readonly resources?: readonly string[];
}

/** An absolute URI without a fragment, as far as its parts go (RFC 8707 section 2). */
const RESOURCE = /^[A-Za-z][A-Za-z0-9+.-]*:[!-"$-~]+$/;

/**
 * What is wrong with a narrowing, if anything is: it is not written as its RFC has it, or goes beyond the session.
 *
 * @param audience of sessions that name none
 */
export function flawIn(
  { scope, resources = [] }: Narrowing,
  session: Session,
  audience: string,
): Flaw | undefined {
  if (scope !== undefined && !SCOPE.test(scope))
    return { in: 'body', name: 'scope', message: 'scope must be values separated by single blanks' };
  if (scope !== undefined && !isWithinScope(scope, session.scope ?? ''))
    return { in: 'body', name: 'scope', message: 'scope goes beyond what the session was granted' };
  if (!resources.every((resource) => RESOURCE.test(resource)))
    return { in: 'body', name: 'resource', message: 'resource must be an absolute URI without a fragment' };
  const granted = session.audience.length > 0 ? session.audience : [audience];
  if (!resources.every((resource) => granted.includes(resource)))
    return { in: 'body', name: 'resource', message: 'resource is none of the audiences of the session' };
  return undefined;
}
