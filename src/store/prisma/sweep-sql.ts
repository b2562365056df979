import { Prisma } from '../../generated/prisma/client.js';
import type { Walk } from '../session-registry.js';

/** What sweepSql gives: one row. `live` and `unused` are of the last walk that came to its end, at `finishedAt`. */
export interface SweptRow {
  readonly made: boolean;
  readonly over: boolean;
  readonly deleted: number;
  /** How many of these had not been ended. */
  readonly expired: number;
  readonly live: number;
  readonly unused: number;
  readonly finishedAt: Date | null;
}

/**
 * A step of the walk over all sessions, by their primary key: no index on a deadline is needed, which every refresh would have
 * to write. Whoever holds the walk's row makes it, and nobody waits for that.
 */
export function sweepSql({ page, retention, afterDeleting, afterLooking, between }: Walk): Prisma.Sql {
  return Prisma.sql`
    WITH turn AS (
      SELECT place, live, unused FROM session_walk WHERE next_at <= now() FOR UPDATE SKIP LOCKED
    ), page AS (
      SELECT id, revoked_at IS NULL AND LEAST(expires_at, idle_expires_at) > now() AS live FROM sessions
      WHERE id > (SELECT COALESCE(place, '00000000-0000-0000-0000-000000000000') FROM turn) ORDER BY id LIMIT ${page}::int
    ), gone AS (
      DELETE FROM sessions USING page WHERE sessions.id = page.id
        AND LEAST(expires_at, idle_expires_at) < now() - ${retention}::int * interval '1 second'
      RETURNING sessions.id, subject, revoked_at IS NULL AS expired, expires_at, idle_expires_at
    ), legacy AS (
      DELETE FROM legacy_tokens USING gone WHERE legacy_tokens.session_id = gone.id
    ), told AS (
      INSERT INTO session_events (session_id, subject, at, kind, detail, gone_at)
      SELECT id, subject, CASE WHEN expired THEN LEAST(expires_at, idle_expires_at) ELSE now() END,
        CASE WHEN expired THEN 'ended' ELSE 'deleted' END,
        CASE WHEN expired THEN jsonb_build_object('by', 'expiry', 'deadline',
          CASE WHEN expires_at <= idle_expires_at THEN 'absolute_deadline' ELSE 'idle_deadline' END)
        ELSE '{}' END, now()
      FROM gone
    ), seen AS (
      SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last,
        (SELECT count(*)::int FROM page WHERE live) AS live,
        (SELECT count(*)::int FROM page JOIN legacy_tokens ON session_id = page.id WHERE live AND used_at IS NULL) AS unused,
        (SELECT count(*)::int FROM gone) AS deleted, (SELECT count(*)::int FROM gone WHERE expired) AS expired
    ), moved AS (
      UPDATE session_walk SET place = last,
        live = CASE WHEN last IS NULL THEN 0 ELSE turn.live + seen.live END,
        unused = CASE WHEN last IS NULL THEN 0 ELSE turn.unused + seen.unused END,
        last_live = CASE WHEN last IS NULL THEN turn.live ELSE last_live END,
        last_unused = CASE WHEN last IS NULL THEN turn.unused ELSE last_unused END,
        finished_at = CASE WHEN last IS NULL THEN now() ELSE finished_at END,
        next_at = clock_timestamp() + interval '1 millisecond' * CASE WHEN last IS NULL THEN ${between}::int
          WHEN deleted > 0 THEN ${afterDeleting}::int ELSE ${afterLooking}::int END
      FROM turn, seen
      RETURNING true AS made, session_walk.place, last_live, last_unused, finished_at
    )
    SELECT moved.made IS TRUE AS made, moved.made IS TRUE AND moved.place IS NULL AS over, deleted, expired,
      COALESCE(moved.last_live, walk.last_live) AS live, COALESCE(moved.last_unused, walk.last_unused) AS unused,
      COALESCE(moved.finished_at, walk.finished_at) AS "finishedAt"
    FROM seen LEFT JOIN moved ON true LEFT JOIN session_walk AS walk ON true`;
}
