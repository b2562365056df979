import { Injectable } from '@nestjs/common';
import { CLIENT_ID, type Client } from '../core/client.js';
import { ClientStore } from './client-store.js';
import { Database } from './database.js';
import { IS_LIVE } from './session-row.js';

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
    // Whatever came from outside: PostgreSQL's text has no NUL, and would fail at one.
    if (!CLIENT_ID.test(id)) return undefined;
    const found = await this.database.run((prisma) => prisma.client.findUnique({ where: { id } }));
    return (found as Client | null) ?? undefined;
  }

  override async list(): Promise<Client[]> {
    const found = await this.database.run((prisma) => prisma.client.findMany({ orderBy: { id: 'asc' } }));
    return found as Client[];
  }

  override async remove(id: string): Promise<boolean> {
    if (!CLIENT_ID.test(id)) return false;
    // Two statements, so that the second sees the sessions that were being opened while the first waited for them.
    const [removed] = await this.database.run((prisma) =>
      prisma.$transaction([
        prisma.$executeRaw`DELETE FROM clients WHERE id = ${id}`,
        prisma.$executeRaw`
          UPDATE sessions SET revoked_at = now(), revoked_by = 'service' FROM (
            SELECT id FROM sessions WHERE client_bound AND client_id = ${id} AND ${IS_LIVE} ORDER BY id FOR UPDATE
          ) AS its WHERE sessions.id = its.id`,
      ]),
    );
    return removed > 0;
  }
}
