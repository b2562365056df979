import type { Answered, RevokedBy, Snapshot } from '../../core/session.js';
import { Prisma } from '../../generated/prisma/client.js';

/** A row as ANSWERED_COLUMNS give it. */
export interface AnsweredRow {
  readonly id: string;
  readonly subject: string;
  readonly client_id: string;
  readonly scope: string | null;
  readonly audience: string[] | null;
  readonly claims: Record<string, unknown>;
  readonly amr: string[] | null;
  readonly acr: string | null;
  readonly auth_time: Date;
  readonly expires_at: Date;
  readonly idle_expires_at: Date;
  readonly access_token_ttl: number;
  readonly generation: number;
  readonly extras: Record<string, unknown>;
  readonly now: Date;
}

/** A row as SESSION_COLUMNS and SESSIONS_READ give it. */
export interface SessionRow extends AnsweredRow {
  readonly device: string | null;
  readonly created_at: Date;
  readonly idle_ttl: number;
  readonly parent: number;
  readonly floor: number;
  readonly parent_disowned: boolean;
  readonly rotated_at: Date | null;
  readonly revoked_at: Date | null;
  readonly revoked_by: string | null;
  readonly client_bound: boolean;
  readonly dpop_jkt: string | null;
}

const whereSiblingsAre = (column: 'parent' | 'floor'): string =>
  `CASE WHEN siblings_at = sessions.generation THEN sessions.${column} ELSE sessions.generation - 1 END`;

/** The generation whose exchange was the last. */
export const PARENT = Prisma.raw(whereSiblingsAre('parent'));

/** The generations above it, up to the session's, are unused successors. */
export const FLOOR = Prisma.raw(whereSiblingsAre('floor'));

const PARENT_DISOWNED =
  'siblings_at IS NOT DISTINCT FROM sessions.generation AND sessions.parent_disowned IS TRUE';

const ANSWERED =
  'sessions.id, subject, client_id, scope, audience, claims, amr, acr, auth_time, expires_at, idle_expires_at, ' +
  'access_token_ttl, generation, extras, now() AS now';

/** The columns that a refresh answers with and the database's time, for a RETURNING. */
export const ANSWERED_COLUMNS = Prisma.raw(ANSWERED);

const columns = (revokedAt: string, revokedBy: string): string =>
  `${ANSWERED}, device, created_at, idle_ttl, ${whereSiblingsAre('parent')} AS parent, ${whereSiblingsAre('floor')} AS floor, ` +
  `${PARENT_DISOWNED} AS parent_disowned, rotated_at, ${revokedAt}, ${revokedBy}, client_bound, dpop_jkt`;

/** The columns of a session and the database's time, for a RETURNING: of a session that is known to be live. */
export const SESSION_COLUMNS = Prisma.raw(columns('revoked_at', 'revoked_by'));

/** The bulk revocations that end a session, for a FROM and its WHERE. */
const ITS_BULK_REVOCATIONS = `bulk_revocations AS bulk WHERE bulk.key = ANY (ARRAY['*', 'subject:' || sessions.subject,
  'client_id:' || sessions.client_id, CASE WHEN sessions.client_bound THEN 'client:' || sessions.client_id END])
  AND sessions.created_at <= bulk.before AND bulk."except" IS DISTINCT FROM sessions.id`;

/** For a SELECT of sessions whose rows may not tell yet that they are ended: the columns, and the FROM they are of. */
export const SESSIONS_READ = Prisma.raw(
  `${columns('COALESCE(revoked_at, ended_at) AS revoked_at', 'COALESCE(revoked_by, ended_by) AS revoked_by')}
  FROM sessions LEFT JOIN LATERAL (SELECT COALESCE(bulk.revoked_at, bulk.before) AS ended_at, bulk.revoked_by AS ended_by
    FROM ${ITS_BULK_REVOCATIONS} ORDER BY ended_at LIMIT 1) AS ended ON true`,
);

/** What says, for a WHERE, that no bulk revocation ends a session. */
export const NOT_ENDED_IN_BULK = Prisma.raw(`NOT EXISTS (SELECT FROM ${ITS_BULK_REVOCATIONS})`);

/** What makes a session live as far as its row tells, for a WHERE. */
export const ROW_IS_LIVE = Prisma.raw(
  'revoked_at IS NULL AND now() < expires_at AND now() < idle_expires_at',
);

/** What makes a session live, for a WHERE: the SQL of the first three refusals of core/rotation.ts. */
export const IS_LIVE = Prisma.sql`${ROW_IS_LIVE} AND ${NOT_ENDED_IN_BULK}`;

/** The idle deadline that a refresh now would set, for a SET. */
export const NEXT_IDLE_DEADLINE = Prisma.raw(`LEAST(expires_at, now() + idle_ttl * interval '1 second')`);

/** Of a row, what a refresh answers with. */
export function toAnswered(row: AnsweredRow): Snapshot<Answered> {
  return { now: row.now, session: answeredOf(row) };
}

/** A row as the rest of the service knows it. */
export function toSnapshot(row: SessionRow): Snapshot {
  return {
    now: row.now,
    session: {
      ...answeredOf(row),
      device: row.device,
      createdAt: row.created_at,
      idleTtl: row.idle_ttl,
      parent: row.parent,
      floor: row.floor,
      parentDisowned: row.parent_disowned,
      rotatedAt: row.rotated_at,
      revokedAt: row.revoked_at,
      revokedBy: row.revoked_by as RevokedBy | null,
      clientBound: row.client_bound,
      dpopJkt: row.dpop_jkt,
    },
  };
}

function answeredOf(row: AnsweredRow): Answered {
  return {
    id: row.id,
    subject: row.subject,
    clientId: row.client_id,
    scope: row.scope,
    audience: row.audience ?? [],
    claims: row.claims,
    amr: row.amr ?? [],
    acr: row.acr,
    authTime: row.auth_time,
    expiresAt: row.expires_at,
    idleExpiresAt: row.idle_expires_at,
    accessTokenTtl: row.access_token_ttl,
    generation: row.generation,
    extras: row.extras,
  };
}
