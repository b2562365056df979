import type { Session, Snapshot } from '../../core/session.js';
import { Prisma } from '../../generated/prisma/client.js';
import type { Database } from '../database/database.js';
import { Batch, inOrderOf, sharedBy } from './batch.js';
import type { PrismaBulkRevocations } from './prisma-bulk-revocations.js';
import {
  SessionRegistry,
  type Ended,
  type NewSession,
  type SessionChange,
  type SessionCursor,
  type Spared,
  type Swept,
  type Whose,
} from '../session-registry.js';
import type { StoreMetrics } from '../store-metrics.js';
import { Unavailable } from '../../core/unavailable.js';
import { IS_LIVE, SESSION_COLUMNS, SESSIONS_READ, toSnapshot, type SessionRow } from './session-row.js';

const INSERT =
  Prisma.raw(`INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, acr, auth_time,
  created_at, expires_at, idle_expires_at, idle_ttl, access_token_ttl, client_bound, dpop_jkt, extras)`);

/** The absolute deadline and the idle one, of a session that is opened now. */
function deadlines(maxTtl: Prisma.Sql, idleTtl: Prisma.Sql): Prisma.Sql {
  const [absolute, idle] = [maxTtl, idleTtl].map((ttl) => Prisma.sql`now() + ${ttl} * interval '1 second'`);
  return Prisma.sql`${absolute}, LEAST(${absolute}, ${idle})`;
}

/** The session registry on PostgreSQL. Sessions that are opened at once share one INSERT. */
export class PrismaSessionRegistry extends SessionRegistry {
  private readonly openings: Batch<NewSession, Snapshot | undefined>;

  /** @param batchSize the most sessions in one statement; 1 gives each its own */
  constructor(
    private readonly database: Database,
    private readonly bulk: PrismaBulkRevocations,
    private readonly batchSize: number,
    private readonly metrics?: StoreMetrics,
  ) {
    super();
    this.openings = new Batch(
      sharedBy(batchSize),
      (sessions) => this.openAll(sessions),
      metrics?.queue.bind(metrics, 'openings'),
    );
  }

  override async open(session: NewSession): Promise<Snapshot> {
    // One that ends another has a row to wait for, and others would wait with it.
    const isShared = this.batchSize > 1 && session.replaces === undefined;
    const opened = isShared ? await this.openings.add(session.id, session) : undefined;
    const snapshot = opened ?? (await this.openOne(session));
    this.metrics?.opened(1);
    return snapshot;
  }

  override list(subject: string, limit: number, cursor?: SessionCursor): Promise<Snapshot[]> {
    const after = cursor
      ? Prisma.sql`AND (created_at, sessions.id) < (${cursor.createdAt}::timestamptz, ${cursor.id}::uuid)`
      : Prisma.empty;
    return this.query(Prisma.sql`
      SELECT ${SESSIONS_READ} WHERE subject = ${subject} ${after}
      ORDER BY created_at DESC, sessions.id DESC LIMIT ${limit}::int`);
  }

  override async amend(
    id: string,
    change: SessionChange,
    from?: Session['claims'],
  ): Promise<Snapshot | undefined> {
    const unchanged = from ? Prisma.sql`AND claims = ${JSON.stringify(from)}::jsonb` : Prisma.empty;
    const claims = change.claims === undefined ? null : JSON.stringify(change.claims);
    const [snapshot] = await this.query(Prisma.sql`
      UPDATE sessions SET claims = COALESCE(${claims}::jsonb, claims),
        scope = CASE WHEN ${change.scope !== undefined} THEN ${change.scope ?? null} ELSE scope END
      WHERE id = ${id}::uuid AND ${IS_LIVE} ${unchanged} RETURNING ${SESSION_COLUMNS}`);
    return snapshot;
  }

  override async revokeAll(whose: Whose, spared: Spared = {}): Promise<Ended | undefined> {
    // A subject has a few, mostly: they are ended in one statement, which leaves nothing behind.
    const isLogout = whose !== 'everybody' && 'subject' in whose && spared.before === undefined;
    const few = isLogout ? await this.bulk.endFew(whose, spared) : undefined;
    if (few && !few.last) return { revoked: few.marked, pending: false };
    const ending = await this.bulk.add(whose, spared);
    const rest = ending && (await this.bulk.carryOut(ending, few?.last));
    return rest && { ...rest, revoked: (few?.marked ?? 0) + rest.revoked };
  }

  override async sweep(limit: number, after?: string): Promise<Swept> {
    const [counted] = await this.database.run(
      (prisma) => prisma.$queryRaw<
        { last: string | null; deleted: number; expired: number; live: number; unused: number }[]
      >`
        WITH page AS (
          SELECT id, revoked_at IS NULL AND LEAST(expires_at, idle_expires_at) > now() AS live FROM sessions WHERE id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid ORDER BY id LIMIT ${limit}::int
        ), gone AS (
          DELETE FROM sessions USING page WHERE sessions.id = page.id
            AND LEAST(expires_at, idle_expires_at) < now() - interval '1 day'
          RETURNING sessions.id, revoked_at
        ), legacy AS (
          DELETE FROM legacy_tokens USING gone WHERE legacy_tokens.session_id = gone.id
        )
        SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last,
          (SELECT count(*)::int FROM page JOIN legacy_tokens ON session_id = page.id WHERE live AND used_at IS NULL) AS unused, (SELECT count(*)::int FROM gone) AS deleted,
          (SELECT count(*)::int FROM gone WHERE revoked_at IS NULL) AS expired, (SELECT count(*)::int FROM page WHERE live) AS live`,
    );
    const { last, expired, ...swept } = counted!;
    this.metrics?.ended('expiry', expired);
    return { ...swept, last: last ?? undefined };
  }

  // Those whose client is being removed are left out: they would have to wait for it, and all others with them.
  private async openAll(sessions: readonly NewSession[]): Promise<readonly (Snapshot | undefined)[]> {
    const opened = await this.query(Prisma.sql`
      WITH asked AS (
        SELECT * FROM jsonb_to_recordset(${JSON.stringify(sessions)}::jsonb) AS asked(id uuid, subject text, "clientId" text,
          scope text, audience text[], claims jsonb, device text, amr text[], acr text, "authTime" timestamptz, "maxTtl" int,
          "idleTtl" int, "accessTokenTtl" int, "clientBound" boolean, "dpopJkt" text, extras jsonb)
      ), present AS (
        SELECT id FROM clients WHERE id IN (SELECT "clientId" FROM asked WHERE "clientBound") FOR KEY SHARE SKIP LOCKED)
      ${INSERT}
      SELECT id, subject, "clientId", scope, audience, claims, device, amr, acr, COALESCE("authTime", now()), now(),
        ${deadlines(Prisma.raw('"maxTtl"'), Prisma.raw('"idleTtl"'))},
        "idleTtl", "accessTokenTtl", "clientBound", "dpopJkt", extras
      FROM asked WHERE NOT "clientBound" OR "clientId" IN (SELECT id FROM present)
      RETURNING ${SESSION_COLUMNS}`);
    const ids = sessions.map(({ id }) => id);
    return inOrderOf(ids, opened, ({ session }) => session.id);
  }

  // A client that is being removed is waited for: a session that it was too late for would survive it.
  private async openOne(session: NewSession): Promise<Snapshot> {
    const [maxTtl, idleTtl] = [Prisma.sql`${session.maxTtl}::int`, Prisma.sql`${session.idleTtl}::int`];
    const mayOpen = Prisma.sql`(NOT ${session.clientBound}::boolean OR EXISTS (SELECT FROM client))`;
    const [row] = await this.rows<SessionRow & { replaced: number }>(Prisma.sql`
      WITH client AS (SELECT id FROM clients WHERE id = ${session.clientId} FOR KEY SHARE),
      replaced AS (
        UPDATE sessions SET revoked_at = now(), revoked_by = 'service'
        WHERE id = ${session.replaces ?? null}::uuid AND subject = ${session.subject} AND ${IS_LIVE} AND ${mayOpen}
        RETURNING id)
      ${INSERT}
      SELECT ${session.id}::uuid, ${session.subject}, ${session.clientId}, ${session.scope}, ${session.audience}::text[],
        ${JSON.stringify(session.claims)}::jsonb, ${session.device}, ${session.amr}::text[], ${session.acr},
        COALESCE(${session.authTime ?? null}::timestamptz, now()), now(), ${deadlines(maxTtl, idleTtl)},
        ${idleTtl}, ${session.accessTokenTtl}::int, ${session.clientBound}::boolean, ${session.dpopJkt},
        ${JSON.stringify(session.extras)}::jsonb
      WHERE ${mayOpen}
      RETURNING ${SESSION_COLUMNS}, (SELECT count(*)::int FROM replaced) AS replaced`);
    if (!row) throw new Unavailable('client_removed');
    this.metrics?.ended('service', row.replaced);
    return toSnapshot(row);
  }

  private async query(sql: Prisma.Sql): Promise<Snapshot[]> {
    return (await this.rows<SessionRow>(sql)).map(toSnapshot);
  }

  private rows<Row>(sql: Prisma.Sql): Promise<Row[]> {
    return this.database.run((prisma) => prisma.$queryRaw<Row[]>(sql));
  }
}
