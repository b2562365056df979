import { runCommand } from './command.js';
import { isPooled } from './config/database-url.js';
import { ConfigError, readDatabase } from './config/environment.js';
import { Database } from './store/database/database.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { migrate } from './store/database/migrations.js';
import { expectFit, UnfitServer } from './store/database/server-check.js';
import { Unavailable } from './core/unavailable.js';

// `npm run migrate`: applies what the database lacks. Needs DATABASE_URL and no other setting.
async function main(): Promise<string> {
  const config = readDatabase(process.env);
  if (config.kind === 'postgresql' && isPooled(config.url))
    throw new ConfigError([
      'DATABASE_URL: has pgbouncer=true, but migrations need PostgreSQL itself: name its host and port for them',
    ]);
  const database = await Database.open(config, { unhurried: true });
  if (config.kind === 'postgresql') await expectFit(database, config.url);
  const applied = await migrate(database);
  await database.close();
  return applied.length > 0 ? `Applied ${applied.join(', ')}\n` : 'The database is up to date\n';
}

await runCommand(main, [ConfigError, Unavailable, UnfitServer, DirectoryInUse]);
