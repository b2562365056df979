import { Database } from '../database/database.js';
import { SessionImport, type ImportedSession } from '../session-import.js';

/** The import on PostgreSQL. */
export class PrismaSessionImport extends SessionImport {
  constructor(private readonly database: Database) {
    super();
  }

  override async add(sessions: readonly ImportedSession[]): Promise<ReadonlySet<string>> {
    // Of lines with one token, the first.
    const unique = new Map(sessions.toReversed().map((session) => [session.lookup, session]));
    const inserted = await this.database.run(
      (prisma) => prisma.$queryRaw<{ id: string }[]>`
        WITH asked AS MATERIALIZED (
          SELECT * FROM json_to_recordset(${JSON.stringify([...unique.values()])}::json) AS asked(lookup text, id uuid, subject text,
            "clientId" text, scope text, audience text[], claims jsonb, device text, amr text[], acr text,
            "authTime" timestamptz, "createdAt" timestamptz, "expiresAt" timestamptz, "idleExpiresAt" timestamptz,
            "maxTtl" int, "idleTtl" int, "accessTokenTtl" int, extras jsonb)
        ), token AS (
          INSERT INTO legacy_tokens (lookup, session_id) SELECT decode(lookup, 'hex'), id FROM asked ORDER BY lookup
          ON CONFLICT (lookup) DO NOTHING RETURNING session_id
        ), dated AS (
          SELECT asked.*, COALESCE("expiresAt", now() + "maxTtl" * interval '1 second') AS absolute
          FROM asked JOIN token ON token.session_id = asked.id
        )
        INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, acr, auth_time, created_at,
          expires_at, idle_expires_at, idle_ttl, access_token_ttl, client_bound, extras)
        SELECT id, subject, "clientId", scope, audience, claims, device, amr, acr,
          COALESCE("authTime", "createdAt", now()), COALESCE("createdAt", now()), absolute,
          LEAST(absolute, COALESCE("idleExpiresAt", now() + "idleTtl" * interval '1 second')), "idleTtl", "accessTokenTtl",
          EXISTS (SELECT FROM clients WHERE clients.id = "clientId"), extras
        FROM dated RETURNING id`,
    );
    return new Set(inserted.map(({ id }) => id));
  }
}
