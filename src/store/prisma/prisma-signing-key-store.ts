import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SigningKeyStore, type StoredSigningKey } from '../signing-key-store.js';

/** The signing keys on PostgreSQL. */
@Injectable()
export class PrismaSigningKeyStore extends SigningKeyStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async all(): Promise<{ keys: StoredSigningKey[]; now: Date }> {
    const rows = await this.database.run(
      (prisma) => prisma.$queryRaw<((StoredSigningKey | { kid: null }) & { now: Date })[]>`
        SELECT kid, ordinal, public_jwk AS "publicJwk", sealed_key AS "sealedKey", sealed_by AS "sealedBy",
          activates_at AS "activatesAt", now
        FROM (SELECT now() AS now) AS moment LEFT JOIN signing_keys ON true ORDER BY ordinal`,
    );
    const keys = rows.flatMap(({ now: _now, ...key }) => (key.kid === null ? [] : [key]));
    return { keys, now: rows[0]!.now };
  }

  override async add(key: StoredSigningKey): Promise<void> {
    const { publicJwk, sealedKey, ...rest } = key;
    const data = {
      ...rest,
      publicJwk: publicJwk as Record<string, string>,
      sealedKey: Buffer.from(sealedKey),
    };
    await this.database.run((prisma) => prisma.signingKey.createMany({ data, skipDuplicates: true }));
  }

  override async reseal(kid: string, sealedKey: Uint8Array, sealedBy: number): Promise<void> {
    const data = { sealedKey: Buffer.from(sealedKey), sealedBy };
    await this.database.run((prisma) => prisma.signingKey.updateMany({ where: { kid }, data }));
  }

  override async remove(kid: string): Promise<void> {
    await this.database.run((prisma) => prisma.signingKey.deleteMany({ where: { kid } }));
  }
}
