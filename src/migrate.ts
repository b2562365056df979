import { ConfigError, readDatabase } from './config/environment.js';
import { Database } from './store/database.js';
import { DirectoryInUse } from './store/directory-lock.js';
import { migrate } from './store/migrations.js';
import { StoreUnavailable } from './store/session-store.js';

// `npm run migrate`: applies what the database lacks. Needs DATABASE_URL and no other setting.
try {
  const database = await Database.open(readDatabase(process.env), { unhurried: true });
  const applied = await migrate(database);
  await database.close();
  process.stdout.write(
    applied.length > 0 ? `Applied ${applied.join(', ')}\n` : 'The database is up to date\n',
  );
  // The schema engine keeps its connections, which would hold the process for as long as a pool may idle.
  process.exit(0);
} catch (error) {
  const known = [ConfigError, StoreUnavailable, DirectoryInUse].some((kind) => error instanceof kind);
  process.stderr.write(`${known ? (error as Error).message : stackOf(error)}\n`);
  process.exit(1);
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : String(error);
}
