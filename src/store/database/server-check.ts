import { isPooled } from '../../config/database-url.js';
import { Unavailable } from '../../core/unavailable.js';
import { ANSWER_WITHIN, STATEMENT_PREFIX, type Database } from './database.js';

/** The oldest PostgreSQL that its makers still mend (https://www.postgresql.org/support/versioning/). */
const OLDEST = 15;

/** What `DATABASE_URL` leads to cannot serve as it is. The message says what to mend. */
export class UnfitServer extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'UnfitServer';
  }
}

const OLD_PGBOUNCER =
  'PgBouncer keeps no prepared statements in transaction mode: it must be 1.21 or newer (Debian 12 has 1.18), and its ' +
  'max_prepared_statements above 0';
const BEHIND_PGBOUNCER =
  'DATABASE_URL leads to PgBouncer: say so with pgbouncer=true, as in ' +
  'postgresql://user:secret@pgbouncer:6432/ratchet?pgbouncer=true';

interface Server {
  /** As `server_version_num`: 170010 is 17.10. */
  readonly version: number;
  /** Of statements, in milliseconds; 0 is none. */
  readonly timeout: number;
  /** Whether statements keep the names they are prepared under, which PgBouncer changes where it keeps them. */
  readonly verbatim: boolean;
}

/**
 * Sees to it that the server, and the PgBouncer before it, are such as the service works with.
 *
 * @throws UnfitServer if not
 * @throws Unavailable if the server does not answer
 */
export async function expectFit(database: Database, url: string): Promise<void> {
  const pooled = isPooled(url);
  const { version, timeout, verbatim } = await ask(database, pooled);
  if (version < OLDEST * 10_000)
    throw new UnfitServer(
      `The server is PostgreSQL ${Math.floor(version / 10_000)}: it must be ${OLDEST} or newer`,
    );
  if (pooled && verbatim)
    throw new UnfitServer(
      `${OLD_PGBOUNCER}. If no PgBouncer is there, take pgbouncer=true out of DATABASE_URL`,
    );
  if (pooled && (timeout === 0 || timeout > ANSWER_WITHIN))
    throw new UnfitServer(
      `Behind PgBouncer, the role limits its statements itself. Run: ALTER ROLE CURRENT_USER SET statement_timeout = '${ANSWER_WITHIN}ms', and let PgBouncer RECONNECT`,
    );
}

async function ask(database: Database, pooled: boolean): Promise<Server> {
  try {
    const [server] = await database.run(
      (prisma) => prisma.$queryRaw<[Server]>`
      SELECT current_setting('server_version_num')::int AS version,
        (SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout') AS timeout,
        EXISTS (SELECT FROM pg_prepared_statements WHERE starts_with(name, ${STATEMENT_PREFIX})) AS verbatim`,
    );
    return server;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // What PgBouncer says of parameters that it does not know, or, before 1.20, of `options`; and what comes of statements
    // that are not prepared where they are used.
    if (error.message.includes('unsupported startup parameter'))
      throw new UnfitServer(pooled ? OLD_PGBOUNCER : BEHIND_PGBOUNCER);
    if (pooled && error.message.includes('prepared statement')) throw new UnfitServer(OLD_PGBOUNCER);
    throw error;
  }
}
