import type { FastifyRequest } from 'fastify';
import { accept, refuse, type Flaw, type Outcome } from '../core/refusal.js';

/** `dryRun`, and what was probably meant for it: `dry_run`, `DryRun`, `dryRun[]`. */
const LIKE_DRY_RUN = /^[^a-z]*dry[^a-z]*run[^a-z]*$/i;

const UNKNOWN = 'this request cannot be run dry';
const MISPLACED = 'a dry run is asked for in the query and nowhere else, as ?dryRun=true';
const UNCLEAR = 'dryRun must be one of the following values: true, false';

/**
 * Whether a request asks for a dry run: as `?dryRun=true`, and in no other way. What only looks like it is refused: a real
 * refresh is the last thing that whoever sent it wants. Refuses: invalid_request.
 *
 * @param known whether the request can be run dry
 */
export function asksForDryRun(request: FastifyRequest, known: boolean): Outcome<boolean> {
  const { dryRun } = request.query as { dryRun?: unknown };
  const misplaced = misplacedIn(request);
  if (misplaced) return unclear({ ...misplaced, message: known ? MISPLACED : UNKNOWN });
  if (dryRun === undefined || dryRun === 'false') return accept(false);
  if (known && dryRun === 'true') return accept(true);
  return unclear({ in: 'query', name: 'dryRun', message: known ? UNCLEAR : UNKNOWN });
}

function misplacedIn({ query, body, headers }: FastifyRequest): Pick<Flaw, 'in' | 'name'> | undefined {
  for (const name in query as object)
    if (name !== 'dryRun' && LIKE_DRY_RUN.test(name)) return { in: 'query', name };
  for (const name in body as object | undefined) if (LIKE_DRY_RUN.test(name)) return { in: 'body', name };
  // As the answer to a dry run has it.
  return headers['dry-run'] === undefined ? undefined : { in: 'header', name: 'dry-run' };
}

function unclear(flaw: Flaw): Outcome<never> {
  return refuse('invalid_request', { flaws: [flaw] });
}
