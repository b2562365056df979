import { Injectable } from '@nestjs/common';
import type { Client } from '../core/client.js';
import { ClientStore } from './client-store.js';
import { Database } from './database.js';

/** The OAuth clients on PostgreSQL. */
@Injectable()
export class PrismaClientStore extends ClientStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async add(client: Omit<Client, 'createdAt'>): Promise<boolean> {
    const jwks = client.jwks === null ? null : JSON.stringify(client.jwks);
    const added = await this.database.run(
      (prisma) => prisma.$executeRaw`
        INSERT INTO clients (id, name, auth_method, secret_hash, jwks, refresh_mode, dpop_required, scope,
          access_token_ttl, idle_ttl, max_ttl, created_at)
        VALUES (${client.id}, ${client.name}, ${client.authMethod}, ${client.secretHash}::bytea, ${jwks}::jsonb,
          ${client.refreshMode}, ${client.dpopRequired}, ${client.scope}, ${client.accessTokenTtl}::int,
          ${client.idleTtl}::int, ${client.maxTtl}::int, now())
        ON CONFLICT (id) DO NOTHING`,
    );
    return added > 0;
  }

  override async find(id: string): Promise<Client | undefined> {
    const found = await this.database.run((prisma) => prisma.client.findUnique({ where: { id } }));
    return (found as Client | null) ?? undefined;
  }

  override async list(): Promise<Client[]> {
    const found = await this.database.run((prisma) => prisma.client.findMany({ orderBy: { id: 'asc' } }));
    return found as Client[];
  }

  override async remove(id: string): Promise<boolean> {
    const removed = await this.database.run(
      (prisma) => prisma.$queryRaw<{ id: string }[]>`
        WITH gone AS (DELETE FROM clients WHERE id = ${id} RETURNING id),
          ended AS (UPDATE sessions SET revoked_at = now(), revoked_by = 'service'
            WHERE client_bound AND client_id IN (SELECT id FROM gone) AND revoked_at IS NULL RETURNING 1)
        SELECT id FROM gone`,
    );
    return removed.length > 0;
  }
}
