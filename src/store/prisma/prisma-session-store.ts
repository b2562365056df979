import type { RefreshPolicy } from '../../core/policy.js';
import type { Answered, Snapshot } from '../../core/session.js';
import type { EventOf, Revoking, SessionEvent } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';
import { Batch, inOrderOf, sharedBy } from './batch.js';
import type { Database } from '../database/database.js';
import {
  ANSWERED_COLUMNS,
  FLOOR,
  IS_LIVE,
  NEXT_IDLE_DEADLINE,
  NOT_ENDED_IN_BULK,
  PARENT,
  SESSION_COLUMNS,
  SESSIONS_READ,
  toAnswered,
  toSnapshot,
  type AnsweredRow,
  type SessionRow,
} from './session-row.js';
import { IS_DUE, isDue, TURN, turn } from './rotation-sql.js';
import { told } from './session-events.js';
import { SessionStore } from '../session-store.js';
import type { StoreMetrics } from '../store-metrics.js';

/** How many connections may be kept waiting for sessions that others hold locked; the rest is for everybody else. */
const SLOTS_FOR_LOCKED = 3;
const SKIP_LOCKED = Prisma.sql`SKIP LOCKED`;

/** A rotation as it was asked for. */
interface AskedRotation {
  readonly id: string;
  readonly generation: number;
  readonly policy: RefreshPolicy;
}

/** What came of a rotation: undefined if the row was not as it takes. */
type Rotated = Snapshot<Answered> | undefined;
type Rotations = Batch<AskedRotation, Rotated>;

/**
 * The session store on PostgreSQL: READ COMMITTED, autocommit, rows by their primary key.
 *
 * Rotations that need not wait share one UPDATE, and reads share one SELECT, since a statement costs the database and
 * this process several times what a row costs them. The shared UPDATE skips rows that another transaction holds; so it
 * waits for none, no deadlock can arise between replicas, and one locked session holds up no other.
 */
export class PrismaSessionStore extends SessionStore {
  private readonly rotations: Rotations;
  private readonly patientRotations: Rotations;
  private readonly reads: Batch<string, Snapshot | undefined>;

  /** @param batchSize the most sessions in one statement; 1 gives each its own */
  constructor(
    private readonly database: Database,
    private readonly batchSize: number,
    private readonly metrics?: StoreMetrics,
  ) {
    super();
    const limits = sharedBy(batchSize);
    this.rotations = new Batch(
      limits,
      (asked) => (batchSize > 1 ? this.rotateAll(asked) : this.rotateOne(asked, SKIP_LOCKED)),
      metrics?.queue.bind(metrics, 'rotations'),
    );
    this.patientRotations = new Batch(
      { ...limits, size: 1, slots: SLOTS_FOR_LOCKED },
      (asked) => this.rotateOne(asked, Prisma.empty),
      metrics?.queue.bind(metrics, 'locked_rotations'),
    );
    this.reads = new Batch(limits, (ids) => this.read(ids), metrics?.queue.bind(metrics, 'reads'));
  }

  override tryRotate(id: string, generation: number, policy: RefreshPolicy): Promise<Rotated> {
    return rotateIn(this.rotations, { id, generation, policy });
  }

  override rotate(id: string, generation: number, policy: RefreshPolicy): Promise<Rotated> {
    return rotateIn(this.patientRotations, { id, generation, policy });
  }

  override recover(
    id: string,
    generation: number,
    event: EventOf<'recovered'>,
  ): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET generation = generation + 1, parent = ${PARENT}, floor = ${FLOOR}, siblings_at = generation + 1,
        parent_disowned = NULL, rotated_at = clock_timestamp(), idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation = ${generation}::int AND ${IS_LIVE}
      RETURNING ${SESSION_COLUMNS}`,
      event,
    );
  }

  override disownParent(id: string, generation: number): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET parent = ${PARENT}, floor = ${FLOOR}, siblings_at = generation, parent_disowned = true,
        idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation = ${generation}::int AND ${IS_LIVE}
      RETURNING ${SESSION_COLUMNS}`,
    );
  }

  override bind(id: string, jkt: string): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET dpop_jkt = ${jkt}
      WHERE id = ${id}::uuid AND dpop_jkt IS NULL AND ${IS_LIVE}
      RETURNING ${SESSION_COLUMNS}`,
    );
  }

  override fastForward(
    id: string,
    generation: number,
    event: EventOf<'fast_forwarded'>,
  ): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET generation = ${generation}::int, rotated_at = clock_timestamp(),
        idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation < ${generation}::int AND ${IS_LIVE}
      RETURNING ${SESSION_COLUMNS}`,
      event,
    );
  }

  override touch(id: string, generation: number): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation = ${generation}::int AND ${IS_LIVE}
        AND idle_expires_at < ${NEXT_IDLE_DEADLINE} - LEAST(interval '1 minute', idle_ttl * interval '250 milliseconds')
      RETURNING ${SESSION_COLUMNS}`,
    );
  }

  override find(id: string): Promise<Snapshot | undefined> {
    return this.reads.add(id, id);
  }

  override async revoke(id: string, event: Revoking): Promise<Snapshot | undefined> {
    const ended = await this.one(
      (sql) => sql`
      UPDATE sessions SET revoked_at = now(), revoked_by = ${event.by}
      WHERE id = ${id}::uuid AND revoked_at IS NULL AND ${NOT_ENDED_IN_BULK}
      RETURNING ${SESSION_COLUMNS}`,
      event,
    );
    if (ended) this.metrics?.ended(event.by, 1);
    return ended;
  }

  private async rotateAll(asked: readonly AskedRotation[]): Promise<readonly Rotated[]> {
    const { sql } = Prisma;
    const rows = await this.query<AnsweredRow & { at: number }>(sql`
      WITH due AS (
        SELECT sessions.id, presented, jkt, binds, at::int FROM sessions JOIN unnest(
          ${asked.map(({ id }) => id)}::uuid[], ${asked.map(({ generation }) => generation)}::int[],
          ${asked.map(({ policy }) => policy.grace)}::int[], ${asked.map(({ policy }) => policy.presenter?.clientId ?? null)}::text[],
          ${asked.map(({ policy }) => policy.presenter?.jkt ?? null)}::text[],
          ${asked.map(({ policy }) => policy.presenter?.binds ?? false)}::boolean[]
        ) WITH ORDINALITY AS asked(id, presented, grace, presenter, jkt, binds, at) ON asked.id = sessions.id
        WHERE ${IS_DUE} FOR UPDATE OF sessions SKIP LOCKED)
      UPDATE sessions SET ${TURN} FROM due WHERE sessions.id = due.id
      RETURNING at, ${ANSWERED_COLUMNS}`);
    // By their places, not by their ids: of two that ask for one session, one may be somebody else.
    const rotated = new Map(rows.map((row) => [row.at, row]));
    return asked.map((_, index) => {
      const row = rotated.get(index + 1);
      return row && toAnswered(row);
    });
  }

  // By the value of the id, and of nothing else: whoever routes statements to parts of the table knows where it goes.
  private async rotateOne(
    asked: readonly AskedRotation[],
    whenLocked: Prisma.Sql,
  ): Promise<readonly Rotated[]> {
    const { sql } = Prisma;
    const { id, generation, policy } = asked[0]!;
    const { clientId = null, jkt = null, binds = false } = policy.presenter ?? {};
    const names = {
      presented: sql`${generation}::int`,
      grace: sql`${policy.grace}::int`,
      presenter: sql`${clientId}::text`,
      jkt: sql`${jkt}::text`,
      binds: sql`${binds}::boolean`,
    };
    const [row] = await this.query<AnsweredRow>(sql`
      WITH due AS (SELECT id FROM sessions WHERE id = ${id}::uuid AND ${isDue(names)} FOR UPDATE ${whenLocked})
      UPDATE sessions SET ${turn(names)} FROM due WHERE sessions.id = ${id}::uuid AND due.id = sessions.id
      RETURNING ${ANSWERED_COLUMNS}`);
    return [row && toAnswered(row)];
  }

  private async read(ids: readonly string[]): Promise<readonly (Snapshot | undefined)[]> {
    const { sql } = Prisma;
    const which = this.batchSize > 1 ? sql`= ANY(${ids}::uuid[])` : sql`= ${ids[0]}::uuid`;
    const rows = await this.query(sql`SELECT ${SESSIONS_READ} WHERE sessions.id ${which}`);
    return inOrderOf(ids, rows.map(toSnapshot), ({ session }) => session.id);
  }

  private async one(
    statement: (sql: typeof Prisma.sql) => Prisma.Sql,
    event?: SessionEvent,
  ): Promise<Snapshot | undefined> {
    const change = statement(Prisma.sql);
    const [row] = await this.query(event ? told(change, event) : change);
    return row && toSnapshot(row);
  }

  private query<Row = SessionRow>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.run((prisma) => prisma.$queryRaw<Row[]>(statement));
  }
}

/** Rotations that were given to a caller. */
const given = new WeakSet<Snapshot<Answered>>();

async function rotateIn(batch: Rotations, asked: AskedRotation): Promise<Rotated> {
  const { presenter } = asked.policy;
  const key =
    `${asked.id} ${asked.generation}` + (presenter ? ` ${presenter.jkt ?? ''} ${presenter.clientId}` : '');
  const snapshot = await batch.add(key, asked);
  // Of calls for the same rotation one wins, as it would if each were a statement: the first that still waits for it.
  if (!snapshot || given.has(snapshot)) return undefined;
  given.add(snapshot);
  return snapshot;
}
