import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Optional } from '@nestjs/common';
import type { Revoking } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';
import { BulkRevocations, type BulkRevocation, type Marked } from '../bulk-revocations.js';
import { Database } from '../database/database.js';
import { StoreMetrics } from '../store-metrics.js';
import type { Ended, SessionCursor, Spared, Whose } from '../session-registry.js';
import { TELL, telling } from './session-events.js';
import { ROW_IS_LIVE } from './session-row.js';
import { Unavailable } from '../../core/unavailable.js';

/** How many rows are looked at in one statement, dead ones included. */
const PAGE = 1_000;
/** How long whoever asked for an end waits for the rows, in milliseconds. */
const MARK_WITHIN = 1_000;
/** By then, every statement that could still open a session from before is over: each has less than two seconds. */
const IS_SETTLED = Prisma.raw(`before < now() - interval '1 hour'`);
const COLUMNS = Prisma.raw(`id, key, before, "except", COALESCE(revoked_at, before) AS "revokedAt",
  revoked_by AS "revokedBy", event, marked, reached_created_at AS "reachedCreatedAt", reached_id AS "reachedId"`);
/** Times are kept to the millisecond, rounded: two later, it is another one. */
const NEXT_MOMENT = 2;

/** A revocation as COLUMNS give it. */
type Row = Omit<BulkRevocation, 'reached'> & {
  readonly reachedCreatedAt: Date | null;
  readonly reachedId: string | null;
};

/** What marks rows. Without a time it ends sessions until the very moment of the statement, and leaves nothing behind. */
type Ending = Pick<BulkRevocation, 'key' | 'except' | 'revokedBy' | 'event'> &
  Partial<Pick<BulkRevocation, 'before' | 'revokedAt'>>;

/** The bulk revocations on PostgreSQL. */
@Injectable()
export class PrismaBulkRevocations extends BulkRevocations {
  constructor(
    private readonly database: Database,
    @Optional() private readonly metrics?: StoreMetrics,
  ) {
    super();
  }

  /** Ends the live ones among a subject's first thousand sessions, which are mostly all: then `last` is undefined. */
  endFew(whose: Whose, event: Revoking, { except }: Spared): Promise<Marked> {
    return this.mark({ key: keyOf(whose), except: except ?? null, revokedBy: event.by, event });
  }

  /** Ends sessions, however many they are; undefined if `before` is later than now. */
  add(whose: Whose, event: Revoking, { before, except }: Spared = {}): Promise<BulkRevocation | undefined> {
    return this.added(Prisma.sql`
      INSERT INTO bulk_revocations (id, key, before, "except", revoked_at, revoked_by, event)
      SELECT gen_random_uuid(), ${keyOf(whose)}, before, ${except ?? null}::uuid, now(), ${event.by}, ${JSON.stringify(event)}::jsonb
      FROM (SELECT COALESCE(${before ?? null}::timestamptz, now()) AS before) AS asked WHERE before <= now()
      RETURNING ${COLUMNS}`);
  }

  /**
   * Removes a client and ends all its sessions; undefined if there is no such client.
   *
   * The DELETE waits for those who are opening a session, as they hold the client's row, and whoever comes later finds
   * none. The time is taken after that; so it is after the creation of each, and before that of any which is opened once
   * a client of this id is registered anew.
   */
  addRemoving(client: string, event: Revoking): Promise<BulkRevocation | undefined> {
    return this.added(Prisma.sql`
      WITH gone AS (DELETE FROM clients WHERE id = ${client} RETURNING id)
      INSERT INTO bulk_revocations (id, key, before, revoked_by, event)
      SELECT gen_random_uuid(), ${`client:${client}`}, clock_timestamp(), ${event.by}, ${JSON.stringify(event)}::jsonb FROM gone
      RETURNING ${COLUMNS}`);
  }

  /** Marks its sessions after `after`, as many as a request may wait for. What is left is the clean-up's. */
  async carryOut(revocation: BulkRevocation, after = revocation.reached): Promise<Ended> {
    const until = performance.now() + MARK_WITHIN;
    let [revoked, last] = [0, after];
    try {
      do {
        const page = await this.mark(revocation, last);
        revoked += page.marked;
        last = page.last;
      } while (last && performance.now() < until);
      await (last ? this.reach(revocation, last) : this.finish(revocation));
      return { revoked, pending: last !== undefined };
    } catch (error) {
      // They are ended all the same.
      if (error instanceof Unavailable) return { revoked, pending: true };
      throw error;
    }
  }

  override async due(): Promise<BulkRevocation[]> {
    const rows = await this.database.run(
      (prisma) => prisma.$queryRaw<Row[]>`
        SELECT ${COLUMNS} FROM bulk_revocations WHERE NOT marked OR ${IS_SETTLED} ORDER BY before LIMIT 100`,
    );
    return rows.map(toRevocation);
  }

  // In the order of ids within the statement: two that meet wait for each other in one direction only.
  override async mark(
    { key, except, revokedBy, event, before, revokedAt }: Ending,
    after?: SessionCursor,
  ): Promise<Marked> {
    const { are, walk } = areaOf(key);
    const until = Prisma.sql`COALESCE(${before ?? null}::timestamptz, now())::timestamptz(3)`;
    const theirs = Prisma.sql`${are} AND created_at <= ${until}`;
    const [end] = await this.database.run(
      (prisma) => prisma.$queryRaw<(SessionCursor & { looked: number; marked: number })[]>`
        WITH page AS (
          SELECT id, created_at FROM sessions WHERE ${walk.overAll ? Prisma.sql`true` : theirs} ${after ? walk.beyond(after) : Prisma.empty}
          ORDER BY ${walk.along} LIMIT ${PAGE}::int
        ), due AS (
          SELECT id FROM sessions WHERE id = ANY (ARRAY(SELECT id FROM page)) AND ${theirs} AND ${ROW_IS_LIVE}
            AND id IS DISTINCT FROM ${except}::uuid ORDER BY id FOR UPDATE
        ), marked AS (
          UPDATE sessions SET revoked_at = COALESCE(${revokedAt ?? null}::timestamptz, ${until}), revoked_by = ${revokedBy}
          FROM due WHERE sessions.id = due.id RETURNING sessions.id, subject
        ), told AS (
          ${TELL} SELECT ${telling(event ?? { kind: 'ended', by: 'service' })} FROM marked
        )
        SELECT id, created_at AS "createdAt", (SELECT count(*)::int FROM page) AS looked,
          (SELECT count(*)::int FROM marked) AS marked
        FROM page ORDER BY (${walk.along}) DESC LIMIT 1`,
    );
    if (!end) return { last: undefined, marked: 0 };
    const { id, createdAt, looked, marked } = end;
    this.metrics?.ended(revokedBy, marked);
    return { last: looked < PAGE ? undefined : { id, createdAt }, marked };
  }

  // Seldom: every refresh that it ends, or might end, reads what is written here.
  override async reach({ id, marked }: BulkRevocation, last: SessionCursor): Promise<void> {
    await this.database.run(
      (prisma) => prisma.$executeRaw`
        UPDATE bulk_revocations SET reached_created_at = ${last.createdAt}::timestamptz, reached_id = ${last.id}::uuid
        WHERE id = ${id}::uuid AND marked = ${marked}`,
    );
  }

  override async finish({ id, marked }: BulkRevocation): Promise<void> {
    await this.database.run((prisma) =>
      marked
        ? prisma.$executeRaw`DELETE FROM bulk_revocations WHERE id = ${id}::uuid`
        : prisma.$executeRaw`
            UPDATE bulk_revocations SET marked = true, reached_created_at = NULL, reached_id = NULL
            WHERE id = ${id}::uuid AND NOT marked`,
    );
  }

  private async added(insert: Prisma.Sql): Promise<BulkRevocation | undefined> {
    const [row] = await this.database.run((prisma) => prisma.$queryRaw<Row[]>(insert));
    // Whoever is told of the end may open a session at once, which must not be of its moment.
    await pause(NEXT_MOMENT);
    return row && toRevocation(row);
  }
}

function keyOf(whose: Whose): string {
  if (whose === 'everybody') return '*';
  return 'subject' in whose ? `subject:${whose.subject}` : `client_id:${whose.clientId}`;
}

/** A way along an index that no refresh changes. */
interface Walk {
  /** Whether it leads over all sessions, or over those that are meant alone. */
  readonly overAll: boolean;
  readonly along: Prisma.Sql;
  readonly beyond: (place: SessionCursor) => Prisma.Sql;
}

const BY_CREATION: Walk = {
  overAll: false,
  along: Prisma.raw('created_at, id'),
  beyond: ({ createdAt, id }) => Prisma.sql`AND (created_at, id) > (${createdAt}::timestamptz, ${id}::uuid)`,
};

const BY_ID: Walk = {
  overAll: true,
  along: Prisma.raw('id'),
  beyond: ({ id }) => Prisma.sql`AND id > ${id}::uuid`,
};

/** The sessions of a key, as a WHERE knows them. */
function areaOf(key: string): { readonly are: Prisma.Sql; readonly walk: Walk } {
  const [kind, name] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
  switch (kind) {
    case 'subject':
      return { are: Prisma.sql`subject = ${name}`, walk: BY_CREATION };
    case 'client':
      return { are: Prisma.sql`client_bound AND client_id = ${name}`, walk: BY_CREATION };
    case 'client_id':
      return { are: Prisma.sql`client_id = ${name}`, walk: BY_ID };
    default:
      return { are: Prisma.sql`true`, walk: BY_ID };
  }
}

function toRevocation({ reachedCreatedAt, reachedId, ...revocation }: Row): BulkRevocation {
  const reached = reachedCreatedAt && reachedId ? { createdAt: reachedCreatedAt, id: reachedId } : undefined;
  return { ...revocation, reached };
}
