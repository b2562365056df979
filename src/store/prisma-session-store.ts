import { Injectable } from '@nestjs/common';
import type { Presenter, RefreshPolicy } from '../core/policy.js';
import type { RevokedBy, Snapshot } from '../core/session.js';
import { Prisma } from '../generated/prisma/client.js';
import { Database } from './database.js';
import { IS_LIVE, NEXT_IDLE_DEADLINE, SESSION_COLUMNS, toSnapshot, type SessionRow } from './session-row.js';
import { SessionStore } from './session-store.js';

/** The session store on PostgreSQL: READ COMMITTED, autocommit, one row by its primary key. */
@Injectable()
export class PrismaSessionStore extends SessionStore {
  constructor(private readonly database: Database) {
    super();
  }

  // The hot path. Its WHERE is the `rotate` row of core/rotation.ts and nothing else: whatever it does not match is
  // read and decided on there.
  override rotate(id: string, generation: number, policy: RefreshPolicy): Promise<Snapshot | undefined> {
    return this.one(
      (sql) => sql`
      UPDATE sessions SET generation = generation + 1, rotated_at = now(), idle_expires_at = ${NEXT_IDLE_DEADLINE}
      WHERE id = ${id}::uuid AND generation = ${generation}::int AND ${IS_LIVE}
        AND (rotated_at IS NULL OR ${policy.grace}::int = 0 OR now() > rotated_at + ${policy.grace}::int * interval '1 millisecond')
        AND ${mayBePresentedBy(policy.presenter)}
      RETURNING ${SESSION_COLUMNS}`,
    );
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
    return this.one((sql) => sql`SELECT ${SESSION_COLUMNS} FROM sessions WHERE id = ${id}::uuid`);
  }

  override async revoke(id: string, by: RevokedBy): Promise<boolean> {
    const changed = await this.database.run(
      (prisma) => prisma.$executeRaw`
        UPDATE sessions SET revoked_at = now(), revoked_by = ${by} WHERE id = ${id}::uuid AND revoked_at IS NULL`,
    );
    return changed > 0;
  }

  private async one(statement: (sql: typeof Prisma.sql) => Prisma.Sql): Promise<Snapshot | undefined> {
    const [row] = await this.database.run((prisma) => prisma.$queryRaw<SessionRow[]>(statement(Prisma.sql)));
    return row && toSnapshot(row);
  }
}

/** `unfitness` of core/rotation.ts, for a WHERE. */
function mayBePresentedBy(presenter?: Presenter): Prisma.Sql {
  if (!presenter) return Prisma.sql`NOT client_bound`;
  const { clientId, jkt = null } = presenter;
  return Prisma.sql`client_bound AND client_id = ${clientId} AND (dpop_jkt IS NULL OR dpop_jkt = ${jkt}::text)`;
}
