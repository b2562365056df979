import type { RevokedBy, Snapshot } from '../core/session.js';
import { Prisma } from '../generated/prisma/client.js';

/** A row as SESSION_COLUMNS selects it. */
export interface SessionRow {
  readonly id: string;
  readonly subject: string;
  readonly client_id: string;
  readonly scope: string | null;
  readonly audience: string[] | null;
  readonly claims: Record<string, unknown>;
  readonly device: string | null;
  readonly amr: string[] | null;
  readonly acr: string | null;
  readonly auth_time: Date;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly idle_expires_at: Date;
  readonly idle_ttl: number;
  readonly access_token_ttl: number;
  readonly generation: number;
  readonly rotated_at: Date | null;
  readonly revoked_at: Date | null;
  readonly revoked_by: string | null;
  readonly client_bound: boolean;
  readonly dpop_jkt: string | null;
  readonly extras: Record<string, unknown>;
  readonly now: Date;
}

/** The columns of a session and the database's time, for a SELECT or a RETURNING. */
export const SESSION_COLUMNS = Prisma.raw(
  'sessions.id, subject, client_id, scope, audience, claims, device, amr, acr, auth_time, created_at, expires_at, idle_expires_at, ' +
    'idle_ttl, access_token_ttl, generation, rotated_at, revoked_at, revoked_by, client_bound, dpop_jkt, extras, now() AS now',
);

/** What makes a session live, for a WHERE: the SQL of the first three refusals of core/rotation.ts. */
export const IS_LIVE = Prisma.raw('revoked_at IS NULL AND now() < expires_at AND now() < idle_expires_at');

/** The idle deadline that a refresh now would set, for a SET. */
export const NEXT_IDLE_DEADLINE = Prisma.raw(`LEAST(expires_at, now() + idle_ttl * interval '1 second')`);

/** A row as the rest of the service knows it. */
export function toSnapshot(row: SessionRow): Snapshot {
  return {
    now: row.now,
    session: {
      id: row.id,
      subject: row.subject,
      clientId: row.client_id,
      scope: row.scope,
      audience: row.audience ?? [],
      claims: row.claims,
      device: row.device,
      amr: row.amr ?? [],
      acr: row.acr,
      authTime: row.auth_time,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      idleExpiresAt: row.idle_expires_at,
      idleTtl: row.idle_ttl,
      accessTokenTtl: row.access_token_ttl,
      generation: row.generation,
      rotatedAt: row.rotated_at,
      revokedAt: row.revoked_at,
      revokedBy: row.revoked_by as RevokedBy | null,
      clientBound: row.client_bound,
      dpopJkt: row.dpop_jkt,
      extras: row.extras,
    },
  };
}
