import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { UsedJtis } from '../used-jtis.js';

/** The used identifiers on PostgreSQL. */
@Injectable()
export class PrismaUsedJtis extends UsedJtis {
  constructor(private readonly database: Database) {
    super();
  }

  override async use(issuer: string, jti: string, seconds: number): Promise<boolean> {
    const id = createHash('sha256')
      .update(JSON.stringify([issuer, jti]))
      .digest();
    const added = await this.database.run(
      (prisma) => prisma.$executeRaw`
        INSERT INTO used_jtis (id, expires_at) VALUES (${id}, now() + ${seconds}::int * interval '1 second')
        ON CONFLICT (id) DO NOTHING`,
    );
    return added > 0;
  }

  // Those that another replica is forgetting are skipped: two that meet would else wait for each other.
  override forget(limit: number): Promise<number> {
    return this.database.run(
      (prisma) => prisma.$executeRaw`
        DELETE FROM used_jtis WHERE id = ANY (ARRAY(
          SELECT id FROM used_jtis WHERE expires_at < now() ORDER BY expires_at LIMIT ${limit}::int
          FOR UPDATE SKIP LOCKED))`,
    );
  }
}
