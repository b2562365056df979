import type { RefreshPolicy } from '../core/policy.js';
import type { RevokedBy, Snapshot } from '../core/session.js';
import { Prisma } from '../generated/prisma/client.js';
import { Batch } from './batch.js';
import { ANSWER_WITHIN, type Database } from './database.js';
import { IS_LIVE, NEXT_IDLE_DEADLINE, SESSION_COLUMNS, toSnapshot, type SessionRow } from './session-row.js';
import { SessionStore } from './session-store.js';

/** How many statements of their own may be in flight where none are shared. */
const SLOTS_UNSHARED = 8;
/** How many connections may be kept waiting for sessions that others hold locked; the rest is for everybody else. */
const SLOTS_FOR_LOCKED = 3;
/** Beyond that the database cannot keep up, and whoever comes is told to come again. */
const MOST_WAITING = 1_000;
const SKIP_LOCKED = Prisma.sql`SKIP LOCKED`;

/** A turn of one session's ratchet, as rotate is asked for it. */
interface AskedTurn {
  readonly id: string;
  readonly generation: number;
  readonly policy: RefreshPolicy;
}

/**
 * The session store on PostgreSQL: READ COMMITTED, autocommit, rows by their primary key.
 *
 * Rotations that need not wait share one UPDATE, and reads share one SELECT, since a statement costs the database and
 * this process several times what a row costs them. The shared UPDATE skips rows that another transaction holds; so it
 * waits for none, no deadlock can arise between replicas, and one locked session holds up no other.
 */
export class PrismaSessionStore extends SessionStore {
  private readonly rotations: Batch<AskedTurn, Snapshot | undefined>;
  private readonly patientRotations: Batch<AskedTurn, Snapshot | undefined>;
  private readonly reads: Batch<string, Snapshot | undefined>;

  /** @param batchSize the most sessions in one statement; 1 gives each its own */
  constructor(
    private readonly database: Database,
    batchSize: number,
  ) {
    super();
    const limits = {
      size: batchSize,
      slots: batchSize > 1 ? 1 : SLOTS_UNSHARED,
      queue: MOST_WAITING,
      within: ANSWER_WITHIN,
    };
    this.rotations = new Batch(limits, (turns) => this.turn(turns, SKIP_LOCKED));
    this.patientRotations = new Batch({ ...limits, size: 1, slots: SLOTS_FOR_LOCKED }, (turns) =>
      this.turn(turns, Prisma.empty),
    );
    this.reads = new Batch(limits, (ids) => this.read(ids));
  }

  override tryRotate(id: string, generation: number, policy: RefreshPolicy): Promise<Snapshot | undefined> {
    return rotateIn(this.rotations, { id, generation, policy });
  }

  override rotate(id: string, generation: number, policy: RefreshPolicy): Promise<Snapshot | undefined> {
    return rotateIn(this.patientRotations, { id, generation, policy });
  }

  override fastForward(id: string, generation: number): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET generation = ${generation}::int, rotated_at = now(), idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation < ${generation}::int AND ${IS_LIVE}
      RETURNING ${SESSION_COLUMNS}`,
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

  override async revoke(id: string, by: RevokedBy): Promise<boolean> {
    const changed = await this.database.run(
      (prisma) => prisma.$executeRaw`
        UPDATE sessions SET revoked_at = now(), revoked_by = ${by} WHERE id = ${id}::uuid AND revoked_at IS NULL`,
    );
    return changed > 0;
  }

  // The hot path. Its WHERE is the `rotate` row of core/rotation.ts, with who may present the token, and nothing else:
  // whatever it does not match is read and decided on there.
  private async turn(
    turns: readonly AskedTurn[],
    whenLocked: Prisma.Sql,
  ): Promise<readonly (Snapshot | undefined)[]> {
    const { sql } = Prisma;
    const rows = await this.query<SessionRow & { at: number }>(sql`
      WITH due AS (
        SELECT sessions.id, at::int FROM sessions JOIN unnest(
          ${turns.map(({ id }) => id)}::uuid[], ${turns.map(({ generation }) => generation)}::int[],
          ${turns.map(({ policy }) => policy.grace)}::int[], ${turns.map(({ policy }) => policy.presenter?.clientId ?? null)}::text[],
          ${turns.map(({ policy }) => policy.presenter?.jkt ?? null)}::text[]
        ) WITH ORDINALITY AS asked(id, generation, grace, presenter, jkt, at) ON asked.id = sessions.id
        WHERE sessions.generation = asked.generation AND ${IS_LIVE}
          AND (rotated_at IS NULL OR grace = 0 OR now() > rotated_at + grace * interval '1 millisecond')
          AND client_bound = (presenter IS NOT NULL)
          AND (NOT client_bound OR client_id = presenter AND (dpop_jkt IS NULL OR dpop_jkt = jkt))
        FOR UPDATE OF sessions ${whenLocked})
      UPDATE sessions SET generation = generation + 1, rotated_at = now(), idle_expires_at = ${NEXT_IDLE_DEADLINE}
      FROM due WHERE sessions.id = due.id
      RETURNING at, ${SESSION_COLUMNS}`);
    // By their places, not by their ids: of two that ask for one session, one may be somebody else.
    const turned = new Map(rows.map((row) => [row.at, row]));
    return turns.map((_, index) => {
      const row = turned.get(index + 1);
      return row && toSnapshot(row);
    });
  }

  private async read(ids: readonly string[]): Promise<readonly (Snapshot | undefined)[]> {
    const { sql } = Prisma;
    const rows = await this.query(
      sql`SELECT ${SESSION_COLUMNS} FROM sessions WHERE id = ANY(${ids}::uuid[])`,
    );
    const found = new Map(rows.map((row) => [row.id, toSnapshot(row)]));
    return ids.map((id) => found.get(id));
  }

  private async one(statement: (sql: typeof Prisma.sql) => Prisma.Sql): Promise<Snapshot | undefined> {
    const [row] = await this.query(statement(Prisma.sql));
    return row && toSnapshot(row);
  }

  private query<Row = SessionRow>(statement: Prisma.Sql): Promise<Row[]> {
    return this.database.run((prisma) => prisma.$queryRaw<Row[]>(statement));
  }
}

async function rotateIn(
  batch: Batch<AskedTurn, Snapshot | undefined>,
  asked: AskedTurn,
): Promise<Snapshot | undefined> {
  const { presenter } = asked.policy;
  const key =
    `${asked.id} ${asked.generation}` + (presenter ? ` ${presenter.jkt ?? ''} ${presenter.clientId}` : '');
  // Of calls for the same turn one wins, as it would if each were a statement.
  const joins = batch.has(key);
  const snapshot = await batch.add(key, asked);
  return joins ? undefined : snapshot;
}
