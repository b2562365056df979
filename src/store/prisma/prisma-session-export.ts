import type { Database } from '../database/database.js';
import { SessionExport, type ExportedSession } from '../session-export.js';
import { IS_LIVE } from './session-row.js';

/** The export on PostgreSQL. */
export class PrismaSessionExport extends SessionExport {
  constructor(private readonly database: Database) {
    super();
  }

  override page(
    limit: number,
    after = '00000000-0000-0000-0000-000000000000',
  ): Promise<readonly ExportedSession[]> {
    return this.database.run(
      (prisma) => prisma.$queryRaw<ExportedSession[]>`
        SELECT id, subject, client_id AS "clientId", scope, audience, claims, device, amr, acr, auth_time AS "authTime",
          created_at AS "createdAt", expires_at AS "expiresAt", idle_expires_at AS "idleExpiresAt", idle_ttl AS "idleTtl",
          access_token_ttl AS "accessTokenTtl", generation, parent, floor, siblings_at AS "siblingsAt",
          parent_disowned AS "parentDisowned", rotated_at AS "rotatedAt", client_bound AS "clientBound", dpop_jkt AS "dpopJkt",
          extras, COALESCE((SELECT json_agg(json_build_object('lookup', encode(lookup, 'hex'), 'usedAt', used_at))
            FROM legacy_tokens WHERE session_id = sessions.id), '[]') AS "legacyTokens"
        FROM sessions WHERE id > ${after}::uuid AND ${IS_LIVE} ORDER BY id LIMIT ${limit}::int`,
    );
  }

  override async restore(sessions: readonly ExportedSession[]): Promise<number> {
    // Of lines for one session, the one that was refreshed last.
    const unique = new Map<string, ExportedSession>();
    for (const session of sessions)
      if ((unique.get(session.id)?.generation ?? -1) < session.generation) unique.set(session.id, session);
    const [written] = await this.database.run(
      (prisma) => prisma.$queryRaw<{ count: number }[]>`
        WITH asked AS MATERIALIZED (
          SELECT * FROM json_to_recordset(${JSON.stringify([...unique.values()])}::json) AS asked(id uuid, subject text,
            "clientId" text, scope text, audience text[], claims jsonb, device text, amr text[], acr text,
            "authTime" timestamptz, "createdAt" timestamptz, "expiresAt" timestamptz, "idleExpiresAt" timestamptz,
            "idleTtl" int, "accessTokenTtl" int, generation int, parent int, floor int, "siblingsAt" int,
            "parentDisowned" boolean, "rotatedAt" timestamptz, "clientBound" boolean, "dpopJkt" text, extras jsonb,
            "legacyTokens" jsonb)
        ), legacy AS (
          INSERT INTO legacy_tokens (lookup, session_id, used_at)
          SELECT decode(token ->> 'lookup', 'hex'), id, (token ->> 'usedAt')::timestamptz
          FROM asked, jsonb_array_elements("legacyTokens") AS token ORDER BY 1
          ON CONFLICT (lookup) DO UPDATE SET session_id = EXCLUDED.session_id, used_at = EXCLUDED.used_at
            WHERE legacy_tokens.used_at IS NULL
        ), written AS (
          INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, acr, auth_time, created_at,
            expires_at, idle_expires_at, idle_ttl, access_token_ttl, generation, parent, floor, siblings_at,
            parent_disowned, rotated_at, client_bound, dpop_jkt, extras)
          SELECT id, subject, "clientId", scope, audience, claims, device, amr, acr, "authTime", "createdAt", "expiresAt",
            "idleExpiresAt", "idleTtl", "accessTokenTtl", generation, parent, floor, "siblingsAt", "parentDisowned",
            "rotatedAt", "clientBound", "dpopJkt", extras
          FROM asked ORDER BY id
          ON CONFLICT (id) DO UPDATE SET generation = EXCLUDED.generation, parent = EXCLUDED.parent, floor = EXCLUDED.floor,
            siblings_at = EXCLUDED.siblings_at, parent_disowned = EXCLUDED.parent_disowned, rotated_at = EXCLUDED.rotated_at,
            idle_expires_at = EXCLUDED.idle_expires_at, scope = EXCLUDED.scope, claims = EXCLUDED.claims,
            dpop_jkt = EXCLUDED.dpop_jkt
            WHERE sessions.generation < EXCLUDED.generation AND sessions.revoked_at IS NULL
          RETURNING id
        )
        SELECT count(*)::int AS count FROM written`,
    );
    return written!.count;
  }
}
