import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import type { DatabaseConfig } from '../config/config.js';
import { serversOf } from '../config/database-url.js';
import { PrismaClient } from '../generated/prisma/client.js';
import { lockDirectory } from './directory-lock.js';
import { isOutage } from './outage.js';
import { StoreUnavailable } from './session-store.js';
import { clientOf } from './writable-server.js';

/** The longest that a statement may take, in milliseconds, a connection included: a client is then told to retry. */
export const ANSWER_WITHIN = 1_700;
/** A server that has not even cancelled the statement by then is gone, and its connection is given up. */
const GIVE_UP_AFTER = ANSWER_WITHIN + 300;
const CONNECT_WITHIN = 1_200;
const CONNECTIONS = 10;

/** The connection to PostgreSQL, a server's or the embedded one. */
export class Database {
  private constructor(
    /** What migrations run over. */
    readonly adapter: SqlMigrationAwareDriverAdapterFactory,
    private readonly prisma: PrismaClient,
    private readonly release: () => Promise<void>,
  ) {}

  /**
   * Opens the database. A server is not connected to before the first statement, which may take its time only if
   * `unhurried`.
   *
   * @throws DirectoryInUse if another process uses the folder of the embedded database
   */
  static async open(config: DatabaseConfig, { unhurried = false } = {}): Promise<Database> {
    if (config.kind === 'embedded') return Database.openEmbedded(config.directory);
    const servers = serversOf(config.url).map(withUtc);
    const adapter = new PrismaPg(
      {
        connectionString: servers[0]!,
        ...(servers.length > 1 && { Client: clientOf(servers) }),
        max: CONNECTIONS,
        connectionTimeoutMillis: CONNECT_WITHIN,
        ...(!unhurried && { statement_timeout: ANSWER_WITHIN, query_timeout: GIVE_UP_AFTER }),
        application_name: 'ratchet',
        keepAlive: true,
      },
      { statementNameGenerator: ({ sql }) => statementName(sql) },
    );
    const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
    return new Database(adapter, prisma, () => prisma.$disconnect());
  }

  private static async openEmbedded(directory: string): Promise<Database> {
    mkdirSync(directory, { recursive: true });
    const unlock = lockDirectory(directory);
    const server = await PGlite.create(join(directory, 'postgres'));
    await server.exec(`SET TIME ZONE 'UTC'`);
    const adapter = new PrismaPGlite(server);
    const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
    return new Database(adapter, prisma, async () => {
      await prisma.$disconnect();
      await server.close();
      unlock();
    });
  }

  /**
   * Does `work`.
   *
   * @throws StoreUnavailable if the database cannot be reached or does not answer in time; the work may then have
   * been done all the same
   */
  async run<T>(work: (prisma: PrismaClient) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StoreUnavailable('no answer in time')), ANSWER_WITHIN);
    });
    try {
      return await Promise.race([work(this.prisma), late]);
    } catch (error) {
      throw isOutage(error) ? new StoreUnavailable(error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks for an answer. @throws StoreUnavailable if none comes */
  async ping(): Promise<void> {
    await this.run((prisma) => prisma.$queryRaw`SELECT 1`);
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.release();
  }
}

/** The adapter reads a timestamp's digits and takes them for UTC, so sessions must speak UTC. */
function withUtc(url: string): string {
  const parsed = new URL(url);
  const options = parsed.searchParams.get('options');
  parsed.searchParams.set('options', [options, '-c TimeZone=UTC'].filter(Boolean).join(' '));
  return parsed.toString();
}

const statementNames = new Map<string, string>();

/** A short name for each of the few statements, so that PostgreSQL parses and plans it once a connection. */
function statementName(sql: string): string {
  let name = statementNames.get(sql);
  if (!name) statementNames.set(sql, (name = `ratchet_${statementNames.size}`));
  return name;
}
