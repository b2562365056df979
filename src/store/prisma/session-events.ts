import type { SessionEvent } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';

/** What inserts into the history, up to its SELECT. */
export const TELL = Prisma.raw('INSERT INTO session_events (session_id, subject, at, kind, detail)');

/** The columns of TELL that an event is, for a SELECT from rows of sessions. */
export function telling(event: SessionEvent): Prisma.Sql {
  const { kind, ...detail } = event;
  return Prisma.sql`id, subject, clock_timestamp(), ${kind}::text, ${JSON.stringify(detail)}::jsonb`;
}

/**
 * A statement that changes sessions and has the history tell of each; gives what it gives.
 *
 * @param change with a RETURNING of `id` and `subject` among others
 */
export function told(change: Prisma.Sql, event: SessionEvent): Prisma.Sql {
  return Prisma.sql`
    WITH changed AS (${change}), told AS (${TELL} SELECT ${telling(event)} FROM changed)
    SELECT * FROM changed`;
}
