import type { Session, Snapshot } from '../../core/session.js';
import type { Amending, Revoking } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';
import type { Database } from '../database/database.js';
import { Batch, inOrderOf, sharedBy } from './batch.js';
import type { PrismaBulkRevocations } from './prisma-bulk-revocations.js';
import { TELL, telling, told } from './session-events.js';
import { sweepSql, type SweptRow } from './sweep-sql.js';
import {
  SessionRegistry,
  type Ended,
  type NewSession,
  type SessionChange,
  type SessionCursor,
  type SessionLimit,
  type Spared,
  type Swept,
  type Walk,
  type Whose,
} from '../session-registry.js';
import type { StoreMetrics } from '../store-metrics.js';
import { Unavailable } from '../../core/unavailable.js';
import { IS_LIVE, SESSION_COLUMNS, SESSIONS_READ, toSnapshot, type SessionRow } from './session-row.js';

const INSERT =
  Prisma.raw(`INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, acr, auth_time,
  created_at, expires_at, idle_expires_at, idle_ttl, access_token_ttl, client_bound, dpop_jkt, extras)`);

/** The most that an opening ends because they are too many. */
const MOST_ENDED = 1_000;

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
    return this.listThose(Prisma.empty, subject, limit, cursor);
  }

  override listLive(subject: string, limit: number, cursor?: SessionCursor): Promise<Snapshot[]> {
    return this.listThose(Prisma.sql`AND ${IS_LIVE}`, subject, limit, cursor);
  }

  private listThose(
    which: Prisma.Sql,
    subject: string,
    limit: number,
    cursor: SessionCursor | undefined,
  ): Promise<Snapshot[]> {
    const after = cursor
      ? Prisma.sql`AND (created_at, sessions.id) < (${cursor.createdAt}::timestamptz, ${cursor.id}::uuid)`
      : Prisma.empty;
    return this.query(Prisma.sql`
      SELECT ${SESSIONS_READ} WHERE subject = ${subject} ${after} ${which}
      ORDER BY created_at DESC, sessions.id DESC LIMIT ${limit}::int`);
  }

  override async amend(
    id: string,
    change: SessionChange,
    event: Amending,
    from?: Session['claims'],
  ): Promise<Snapshot | undefined> {
    const unchanged = from ? Prisma.sql`AND claims = ${JSON.stringify(from)}::jsonb` : Prisma.empty;
    const claims = change.claims === undefined ? null : JSON.stringify(change.claims);
    const amended = Prisma.sql`
      UPDATE sessions SET claims = COALESCE(${claims}::jsonb, claims),
        scope = CASE WHEN ${change.scope !== undefined} THEN ${change.scope ?? null} ELSE scope END
      WHERE id = ${id}::uuid AND ${IS_LIVE} ${unchanged} RETURNING ${SESSION_COLUMNS}`;
    const [snapshot] = await this.query(told(amended, event));
    return snapshot;
  }

  override async revokeAll(whose: Whose, event: Revoking, spared: Spared = {}): Promise<Ended | undefined> {
    // A subject has a few, mostly: they are ended in one statement, which leaves nothing behind.
    const isLogout = whose !== 'everybody' && 'subject' in whose && spared.before === undefined;
    const few = isLogout ? await this.bulk.endFew(whose, event, spared) : undefined;
    if (few && !few.last) return { revoked: few.marked, pending: false };
    const ending = await this.bulk.add(whose, event, spared);
    const rest = ending && (await this.bulk.carryOut(ending, few?.last));
    return rest && { ...rest, revoked: (few?.marked ?? 0) + rest.revoked };
  }

  // The order is that of the last use, which no refresh writes an index of: a subject has a few.
  override async limit({ most, newest }: SessionLimit): Promise<number> {
    const { id, subject, clientId, createdAt } = newest;
    const event: Revoking = { kind: 'ended', by: 'limit', limit: most, replacedBy: id };
    const ended = await this.rows(
      told(
        Prisma.sql`
          UPDATE sessions SET revoked_at = now(), revoked_by = ${event.by}
          WHERE id = ANY (ARRAY(
            SELECT id FROM sessions WHERE subject = ${subject} AND client_id = ${clientId} AND ${IS_LIVE}
            ORDER BY created_at >= ${createdAt}::timestamptz DESC, COALESCE(rotated_at, created_at) DESC, id OFFSET ${most}::int LIMIT ${MOST_ENDED}::int))
            AND ${IS_LIVE}
          RETURNING id, subject`,
        event,
      ),
    );
    this.metrics?.ended(event.by, ended.length);
    return ended.length;
  }

  override async forget(subject: string, limit: number): Promise<number> {
    const [forgotten] = await this.rows<{ rows: number }>(Prisma.sql`
      WITH gone AS (
        DELETE FROM sessions WHERE id = ANY (ARRAY(
          SELECT id FROM sessions WHERE subject = ${subject} ORDER BY created_at LIMIT ${limit}::int))
        RETURNING id
      ), legacy AS (
        DELETE FROM legacy_tokens USING gone WHERE legacy_tokens.session_id = gone.id
      ), told AS (
        DELETE FROM session_events WHERE id = ANY (ARRAY(
          SELECT id FROM session_events WHERE subject = ${subject} ORDER BY id LIMIT ${limit}::int))
        RETURNING id
      )
      SELECT (SELECT count(*)::int FROM gone) + (SELECT count(*)::int FROM told) AS rows`);
    return forgotten!.rows;
  }

  override async sweep(walk: Walk): Promise<Swept> {
    const [step] = await this.rows<SweptRow>(sweepSql(walk));
    const { made, over, deleted, expired, live, unused, finishedAt } = step!;
    this.metrics?.ended('expiry', expired);
    return { made, over, deleted, met: finishedAt && { finishedAt, live, unused } };
  }

  // Those whose client is being removed are left out: they would have to wait for it, and all others with them.
  private async openAll(sessions: readonly NewSession[]): Promise<readonly (Snapshot | undefined)[]> {
    const opened = await this.query(Prisma.sql`
      WITH asked AS (
        SELECT * FROM jsonb_to_recordset(${JSON.stringify(sessions)}::jsonb) AS asked(id uuid, subject text, "clientId" text,
          scope text, audience text[], claims jsonb, device text, amr text[], acr text, "authTime" timestamptz, "maxTtl" int,
          "idleTtl" int, "accessTokenTtl" int, "clientBound" boolean, "dpopJkt" text, extras jsonb, event jsonb)
      ), present AS (
        SELECT id FROM clients WHERE id IN (SELECT "clientId" FROM asked WHERE "clientBound") FOR KEY SHARE SKIP LOCKED),
      opened AS (
      ${INSERT}
      SELECT id, subject, "clientId", scope, audience, claims, device, amr, acr, COALESCE("authTime", now()), now(),
        ${deadlines(Prisma.raw('"maxTtl"'), Prisma.raw('"idleTtl"'))},
        "idleTtl", "accessTokenTtl", "clientBound", "dpopJkt", extras
      FROM asked WHERE NOT "clientBound" OR "clientId" IN (SELECT id FROM present)
      RETURNING ${SESSION_COLUMNS}
      ), told AS (
        ${TELL} SELECT id, opened.subject, created_at, event->>'kind', event - 'kind' FROM opened JOIN asked USING (id)
      )
      SELECT * FROM opened`);
    const ids = sessions.map(({ id }) => id);
    return inOrderOf(ids, opened, ({ session }) => session.id);
  }

  // A client that is being removed is waited for: a session that it was too late for would survive it.
  private async openOne(session: NewSession): Promise<Snapshot> {
    const [maxTtl, idleTtl] = [Prisma.sql`${session.maxTtl}::int`, Prisma.sql`${session.idleTtl}::int`];
    const replacing: Revoking = {
      ...{ kind: 'ended', by: 'service', serviceKey: session.event.serviceKey },
      replacedBy: session.id,
    };
    const mayOpen = Prisma.sql`(NOT ${session.clientBound}::boolean OR EXISTS (SELECT FROM client))`;
    const [row] = await this.rows<SessionRow & { replaced: number }>(Prisma.sql`
      WITH client AS (SELECT id FROM clients WHERE id = ${session.clientId} FOR KEY SHARE),
      replaced AS (
        UPDATE sessions SET revoked_at = now(), revoked_by = ${replacing.by}
        WHERE id = ${session.replaces ?? null}::uuid AND subject = ${session.subject} AND ${IS_LIVE} AND ${mayOpen}
        RETURNING id, subject),
      told_replaced AS (${TELL} SELECT ${telling(replacing)} FROM replaced),
      opened AS (
      ${INSERT}
      SELECT ${session.id}::uuid, ${session.subject}, ${session.clientId}, ${session.scope}, ${session.audience}::text[],
        ${JSON.stringify(session.claims)}::jsonb, ${session.device}, ${session.amr}::text[], ${session.acr},
        COALESCE(${session.authTime ?? null}::timestamptz, now()), now(), ${deadlines(maxTtl, idleTtl)},
        ${idleTtl}, ${session.accessTokenTtl}::int, ${session.clientBound}::boolean, ${session.dpopJkt},
        ${JSON.stringify(session.extras)}::jsonb
      WHERE ${mayOpen}
      RETURNING ${SESSION_COLUMNS}
      ), told AS (${TELL} SELECT ${telling(session.event)} FROM opened)
      SELECT *, (SELECT count(*)::int FROM replaced) AS replaced FROM opened`);
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
