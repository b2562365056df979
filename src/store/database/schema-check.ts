import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { hostsOf } from '../../config/database-url.js';
import type { DatabaseConfig } from '../../config/config.js';
import type { Database } from './database.js';
import { migrate, pendingMigrations } from './migrations.js';
import { isRefusal } from './outage.js';
import { expectFit } from './server-check.js';
import { Unavailable } from '../../core/unavailable.js';

const TRIES = 30;
const logger = new Logger('Database');

/** The database's schema is behind the service. The message says what to run. */
export class SchemaBehind extends Error {
  constructor(pending: readonly string[]) {
    super(
      `The database lacks ${pending.length} of the migrations (${pending.join(', ')}). Run: npm run migrate (in the image: node dist/migrate.js)`,
    );
    this.name = 'SchemaBehind';
  }
}

/**
 * Sees to it that the schema is what the service expects: the embedded database is migrated, a server and its schema
 * are checked. Waits up to half a minute for a server that is still starting.
 *
 * @throws UnfitServer if the server is not one that the service works with
 * @throws SchemaBehind if migrations are missing
 * @throws Unavailable if the server does not answer
 */
export async function prepareSchema(database: Database, config: DatabaseConfig): Promise<void> {
  if (config.kind === 'embedded') {
    await migrate(database);
    return;
  }
  const pending = await patiently(hostsOf(config.url), async () => {
    await expectFit(database, config.url);
    return pendingMigrations(database);
  });
  if (pending.length > 0) throw new SchemaBehind(pending);
}

async function patiently<T>(hosts: string, work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unavailable) || isRefusal(error) || tried === TRIES) throw error;
      if (tried === 1) logger.warn(`${error.message} (${hosts}). Trying again for half a minute`);
      await pause(1_000);
    }
  }
}
