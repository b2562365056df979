import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { TELL, telling } from './session-events.js';
import { LegacyTokens, type Claimed, type KnownLegacyToken, type UsedLegacyToken } from '../legacy-tokens.js';

/** Longer than a redemption takes, in seconds. */
const HELD_FOR = 15;
/** How long after the first attempt the issuer's no may mean that this attempt was the token's use, in seconds. */
const STILL_COMING = 120;
/** How long it is not asked again about what it has refused, in seconds. */
const REFUSED_FOR = 600;

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
          RETURNING sessions.id, subject
        ), told_before AS (
          UPDATE session_events SET session_id = session.id FROM token, session WHERE session_events.session_id = token.session_id
        ), told AS (
          ${TELL} SELECT ${telling({ kind: 'moved_in' })} FROM session
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

  override async claim(lookup: Buffer): Promise<Claimed> {
    const [claim] = await this.database.run(
      (prisma) => prisma.$queryRaw<{ claimed: Claimed }[]>`
        WITH claimed AS (
          INSERT INTO legacy_redemptions AS there (lookup, first_at, held_until, refused)
          VALUES (${lookup}, now(), now() + ${HELD_FOR}::int * interval '1 second', false)
          ON CONFLICT (lookup) DO UPDATE SET held_until = EXCLUDED.held_until, refused = false,
            first_at = CASE WHEN there.refused OR there.first_at < now() - ${STILL_COMING}::int * interval '1 second'
              THEN now() ELSE there.first_at END
            WHERE there.held_until < now()
          RETURNING first_at
        )
        SELECT COALESCE((SELECT CASE WHEN first_at < now()::timestamptz(3) THEN 'again' ELSE 'first' END FROM claimed),
          (SELECT CASE WHEN refused THEN 'refused' END FROM legacy_redemptions WHERE lookup = ${lookup}), 'held') AS claimed`,
    );
    return claim!.claimed;
  }

  override async release(lookup: Buffer): Promise<void> {
    await this.database.run(
      (prisma) =>
        prisma.$executeRaw`UPDATE legacy_redemptions SET held_until = now() WHERE lookup = ${lookup}`,
    );
  }

  override async refuse(lookup: Buffer): Promise<void> {
    await this.database.run(
      (prisma) => prisma.$executeRaw`
        UPDATE legacy_redemptions SET refused = true, held_until = now() + ${REFUSED_FOR}::int * interval '1 second'
        WHERE lookup = ${lookup}`,
    );
  }

  override forget(limit: number): Promise<number> {
    return this.database.run(
      (prisma) => prisma.$executeRaw`
        DELETE FROM legacy_redemptions WHERE lookup = ANY (ARRAY(
          SELECT lookup FROM legacy_redemptions WHERE held_until < now() - interval '1 hour' LIMIT ${limit}::int
          FOR UPDATE SKIP LOCKED))`,
    );
  }
}
