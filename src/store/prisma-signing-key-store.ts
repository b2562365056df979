import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { SigningKeyStore, type StoredSigningKey } from './signing-key-store.js';

/** The signing keys on PostgreSQL. */
@Injectable()
export class PrismaSigningKeyStore extends SigningKeyStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async all(): Promise<{ keys: StoredSigningKey[]; now: Date }> {
    const keys = await this.database.run((prisma) =>
      prisma.signingKey.findMany({ orderBy: { ordinal: 'asc' } }),
    );
    const [clock] = await this.database.run(
      (prisma) => prisma.$queryRaw<{ now: Date }[]>`SELECT now() AS now`,
    );
    return { keys: keys as StoredSigningKey[], now: clock!.now };
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
