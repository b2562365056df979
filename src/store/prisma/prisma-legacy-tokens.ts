import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { LegacyTokens, type KnownLegacyToken, type UsedLegacyToken } from '../legacy-tokens.js';

/** The imported tokens on PostgreSQL. */
@Injectable()
export class PrismaLegacyTokens extends LegacyTokens {
  constructor(private readonly database: Database) {
    super();
  }

  override async find(lookups: readonly Buffer[]): Promise<KnownLegacyToken | undefined> {
    const [found] = await this.database.run(
      (prisma) => prisma.$queryRaw<KnownLegacyToken[]>`
        SELECT session_id AS "sessionId", used_at IS NOT NULL AS used FROM legacy_tokens
        WHERE lookup = ANY(${lookups}::bytea[]) LIMIT 1`,
    );
    return found;
  }

  // Who is second waits for the first at the token's row, and finds it used.
  override async use(lookups: readonly Buffer[], sessionId: string): Promise<UsedLegacyToken | undefined> {
    const [used] = await this.database.run(
      (prisma) => prisma.$queryRaw<UsedLegacyToken[]>`
        WITH token AS (
          SELECT lookup, session_id, used_at FROM legacy_tokens WHERE lookup = ANY(${lookups}::bytea[]) LIMIT 1 FOR UPDATE
        ), session AS (
          UPDATE sessions SET id = ${sessionId}::uuid FROM token
          WHERE sessions.id = token.session_id AND token.used_at IS NULL
          RETURNING sessions.id
        ), marked AS (
          UPDATE legacy_tokens SET session_id = session.id, used_at = now() FROM token, session
          WHERE legacy_tokens.lookup = token.lookup
        )
        SELECT COALESCE((SELECT id FROM session), token.session_id) AS "sessionId", true AS used,
          EXISTS (SELECT FROM session) AS "movedIn"
        FROM token`,
    );
    return used;
  }
}
