import { Mistake, runCommand } from './command.js';
import { ConfigError, readConfig } from './config/environment.js';
import { CONTRACTS, everyContract } from './contracts/registry.js';
import { Unavailable } from './core/unavailable.js';
import { listKeys, withdrawKeys } from './keys/key-withdrawal.js';
import { Database } from './store/database/database.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { prepareSchema, SchemaBehind } from './store/database/schema-check.js';
import { PrismaSigningKeyStore } from './store/prisma/prisma-signing-key-store.js';

// `npm run withdraw-key`: lists the keys of the key ring, or takes those out that are named. With the settings of the
// service, whose REFRESH_TOKEN_KEYS seal the key that takes their place.

async function main(kids: readonly string[]): Promise<string> {
  const { database: config, refreshTokenKeys, signing } = readConfig(process.env, CONTRACTS, everyContract);
  if (signing.kind !== 'ring')
    throw new Mistake(
      'The key ring is not in use: ACCESS_TOKEN_PRIVATE_KEY or ACCESS_TOKEN_SECRET signs. Take the key out of that setting',
    );
  const database = await Database.open(config, { unhurried: true });
  try {
    await prepareSchema(database, config);
    const store = new PrismaSigningKeyStore(database);
    const keys = await listKeys(store, refreshTokenKeys);
    const known = keys.map((key) => `${key.kid}  ${key.activatesAt.toISOString()}  ${key.state}\n`).join('');
    const stranger = kids.find((kid) => keys.every((key) => key.kid !== kid));
    if (stranger !== undefined)
      throw new Mistake(`There is no key ${stranger}; there are\n${known.trimEnd()}`);
    if (kids.length === 0) return `key, since when it signs, and what it does now:\n${known}`;
    const signs = await withdrawKeys(store, refreshTokenKeys, kids);
    return `Withdrawn: ${kids.join(', ')}. Key ${signs} signs. Every replica follows within ten seconds\n`;
  } finally {
    await database.close();
  }
}

await runCommand(() => main(process.argv.slice(2)), [ConfigError, Unavailable, DirectoryInUse, SchemaBehind]);
