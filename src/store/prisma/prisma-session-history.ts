import { Injectable } from '@nestjs/common';
import type { SessionEvent } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';
import { Database } from '../database/database.js';
import { SessionHistory, type HistoryOf, type ToldEvent } from '../session-history.js';

interface Row extends Omit<ToldEvent, 'event'> {
  readonly kind: SessionEvent['kind'];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The history on PostgreSQL. */
@Injectable()
export class PrismaSessionHistory extends SessionHistory {
  constructor(private readonly database: Database) {
    super();
  }

  override async list(of: HistoryOf, limit: number, before?: bigint): Promise<ToldEvent[]> {
    const whose =
      'subject' in of ? Prisma.sql`subject = ${of.subject}` : Prisma.sql`session_id = ${of.sessionId}::uuid`;
    const beyond = before === undefined ? Prisma.empty : Prisma.sql`AND id < ${before}::bigint`;
    const rows = await this.database.run(
      (prisma) => prisma.$queryRaw<Row[]>`
        SELECT id, session_id AS "sessionId", at, kind, detail FROM session_events
        WHERE ${whose} ${beyond} ORDER BY id DESC LIMIT ${limit}::int`,
    );
    return rows.map(({ kind, detail, ...row }) => ({ ...row, event: { ...detail, kind } as SessionEvent }));
  }

  override forget(limit: number, retention: number): Promise<number> {
    return this.database.run(async (prisma) => {
      const [gone] = await prisma.$queryRaw<{ sessions: number }[]>`
        WITH due AS (
          SELECT session_id FROM session_events WHERE gone_at < now() - ${retention}::int * interval '1 second'
          ORDER BY gone_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED
        ), deleted AS (DELETE FROM session_events WHERE session_id = ANY (ARRAY(SELECT session_id FROM due)))
        SELECT count(*)::int AS sessions FROM due`;
      return gone!.sessions;
    });
  }
}
