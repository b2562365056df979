import { isPooled } from './config/database-url.js';
import { ConfigError, readDatabase } from './config/environment.js';
import { stackOf } from './ops/last-resort.js';
import { Database } from './store/database/database.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { migrate } from './store/database/migrations.js';
import { expectFit, UnfitServer } from './store/database/server-check.js';
import { Unavailable } from './core/unavailable.js';

// `npm run migrate`: applies what the database lacks. Needs DATABASE_URL and no other setting.
try {
  const config = readDatabase(process.env);
  if (config.kind === 'postgresql' && isPooled(config.url))
    throw new ConfigError([
      'DATABASE_URL: has pgbouncer=true, but migrations need PostgreSQL itself: name its host and port for them',
    ]);
  const database = await Database.open(config, { unhurried: true });
  if (config.kind === 'postgresql') await expectFit(database, config.url);
  const applied = await migrate(database);
  await database.close();
  process.stdout.write(
    applied.length > 0 ? `Applied ${applied.join(', ')}\n` : 'The database is up to date\n',
  );
  // The schema engine keeps its connections, which would hold the process for as long as a pool may idle.
  process.exit(0);
} catch (error) {
  const known = [ConfigError, Unavailable, UnfitServer, DirectoryInUse].some((kind) => error instanceof kind);
  process.stderr.write(`${known ? (error as Error).message : stackOf(error)}\n`);
  process.exit(1);
}
