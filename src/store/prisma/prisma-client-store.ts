import { Injectable } from '@nestjs/common';
import { CLIENT_ID, type Client, type ClientChange, type NewClient } from '../../core/client.js';
import type { Revoking } from '../../core/session-event.js';
import { Prisma } from '../../generated/prisma/client.js';
import { ClientStore, type SecretChange } from '../client-store.js';
import { Database } from '../database/database.js';
import { Batch, inOrderOf, sharedBy } from './batch.js';
import { PrismaBulkRevocations } from './prisma-bulk-revocations.js';

/** The most clients in one SELECT. */
const MOST_SHARED = 1_000;

const PREVIOUS_IS_GOOD = Prisma.raw('COALESCE(previous_secret_expires_at > now(), false)');

/** The columns of a client as the rest of the service knows it, for a SELECT or a RETURNING. */
const CLIENT_COLUMNS = Prisma.sql`id, name, auth_method AS "authMethod", secret_hash AS "secretHash",
  CASE WHEN ${PREVIOUS_IS_GOOD} THEN previous_secret_hash END AS "previousSecretHash",
  CASE WHEN ${PREVIOUS_IS_GOOD} THEN previous_secret_expires_at END AS "previousSecretExpiresAt",
  jwks, refresh_mode AS "refreshMode", dpop_required AS "dpopRequired", scope, COALESCE(audiences, '{}') AS audiences,
  access_token_ttl AS "accessTokenTtl", idle_ttl AS "idleTtl", max_ttl AS "maxTtl",
  rotation_grace AS "rotationGrace", recovery_window AS "recoveryWindow", created_at AS "createdAt"`;

/** The OAuth clients on PostgreSQL. */
@Injectable()
export class PrismaClientStore extends ClientStore {
  // Every request of a client asks for it: those that come while one is answered share the next.
  private readonly reads = new Batch<string, Client | undefined>(sharedBy(MOST_SHARED), (ids) =>
    this.read(ids),
  );

  constructor(
    private readonly database: Database,
    private readonly bulk: PrismaBulkRevocations,
  ) {
    super();
  }

  override async add(client: NewClient): Promise<boolean> {
    const jwks = client.jwks === null ? null : JSON.stringify(client.jwks);
    const added = await this.database.run(
      (prisma) => prisma.$executeRaw`
        INSERT INTO clients (id, name, auth_method, secret_hash, jwks, refresh_mode, dpop_required, scope, audiences,
          access_token_ttl, idle_ttl, max_ttl, rotation_grace, recovery_window, created_at)
        VALUES (${client.id}, ${client.name}, ${client.authMethod}, ${client.secretHash}::bytea, ${jwks}::jsonb,
          ${client.refreshMode}, ${client.dpopRequired}, ${client.scope}, ${client.audiences}::text[], ${client.accessTokenTtl}::int,
          ${client.idleTtl}::int, ${client.maxTtl}::int, ${client.rotationGrace}::int, ${client.recoveryWindow}::int, now())
        ON CONFLICT (id) DO NOTHING`,
    );
    return added > 0;
  }

  override async find(id: string): Promise<Client | undefined> {
    // Whatever came from outside: PostgreSQL's text has no NUL, and would fail at one.
    if (!CLIENT_ID.test(id)) return undefined;
    return this.reads.add(id, id);
  }

  override async amend(judged: Client, change: ClientChange): Promise<Client | undefined> {
    const { id, createdAt, refreshMode, dpopRequired, idleTtl, recoveryWindow } = judged;
    const where = { id, createdAt, refreshMode, dpopRequired, idleTtl, recoveryWindow };
    const { count } = await this.database.run((prisma) =>
      prisma.client.updateMany({ where, data: dataOf(change) }),
    );
    return count > 0 ? this.find(id) : undefined;
  }

  override async replaceSecret(id: string, change: SecretChange): Promise<Client | undefined> {
    if (!CLIENT_ID.test(id)) return undefined;
    const { hash, overlap, keep = null } = change;
    const [client] = await this.query(Prisma.sql`
      UPDATE clients SET secret_hash = ${hash}::bytea,
        previous_secret_hash = CASE WHEN ${overlap}::int = 0 THEN NULL
          WHEN ${keep}::text = 'older' AND ${PREVIOUS_IS_GOOD} THEN previous_secret_hash ELSE secret_hash END,
        previous_secret_expires_at = CASE WHEN ${overlap}::int > 0 THEN now() + ${overlap}::int * interval '1 second' END
      WHERE id = ${id} AND secret_hash IS NOT NULL
        AND (${overlap}::int = 0 OR ${keep}::text IS NOT NULL OR NOT ${PREVIOUS_IS_GOOD})
      RETURNING ${CLIENT_COLUMNS}`);
    return client;
  }

  override async endPreviousSecret(id: string): Promise<boolean> {
    if (!CLIENT_ID.test(id)) return false;
    const data = { previousSecretHash: null, previousSecretExpiresAt: null };
    const { count } = await this.database.run((prisma) => prisma.client.updateMany({ where: { id }, data }));
    return count > 0;
  }

  override list(limit: number, after = ''): Promise<Client[]> {
    return this.query(
      Prisma.sql`SELECT ${CLIENT_COLUMNS} FROM clients WHERE id > ${after} ORDER BY id LIMIT ${limit}::int`,
    );
  }

  override async remove(id: string, event: Revoking): Promise<boolean> {
    if (!CLIENT_ID.test(id)) return false;
    const ending = await this.bulk.addRemoving(id, event);
    if (ending) await this.bulk.carryOut(ending);
    return ending !== undefined;
  }

  private async read(ids: readonly string[]): Promise<readonly (Client | undefined)[]> {
    const clients = await this.query(
      Prisma.sql`SELECT ${CLIENT_COLUMNS} FROM clients WHERE id = ANY(${ids}::text[])`,
    );
    return inOrderOf(ids, clients, ({ id }) => id);
  }

  private query(sql: Prisma.Sql): Promise<Client[]> {
    return this.database.run((prisma) => prisma.$queryRaw<Client[]>(sql));
  }
}

function dataOf({ audiences, jwks, ...rest }: ClientChange): Prisma.ClientUpdateManyMutationInput {
  return {
    ...rest,
    ...(audiences && { audiences: [...audiences] }),
    ...(jwks && { jwks: jwks as Prisma.InputJsonObject }),
  };
}
