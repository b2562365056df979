import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type { Pool } from 'pg';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import type { DatabaseConfig } from '../../config/config.js';
import { isPooled, serversOf } from '../../config/database-url.js';
import { PrismaClient } from '../../generated/prisma/client.js';
import { lockDirectory } from './directory-lock.js';
import { failureClass, isOutage, saidBy } from './outage.js';
import { Unavailable } from '../../core/unavailable.js';
import type { PoolUse, StoreMetrics } from '../store-metrics.js';
import { ServerAdapter } from './server-adapter.js';
import { clientOf } from './writable-server.js';

/** The longest that a statement may take, in milliseconds, a connection included: a client is then told to retry. */
export const ANSWER_WITHIN = 1_700;
/** A server that has not even cancelled the statement by then is gone, and its connection is given up. */
const GIVE_UP_AFTER = ANSWER_WITHIN + 300;
const CONNECT_WITHIN = 1_200;
/** The same for commands, which no client waits for: a machine that has just started may take long over its first statement. */
const UNHURRIED = { answer: 30_000, connect: 10_000 };
/** Unless it is configured. */
const CONNECTIONS = 10;
/**
 * How long a connection is used, in seconds, give or take a tenth, so that replicas which start together do not all
 * connect together ever after. A connection keeps its plans until the table's statistics change, and what was planned
 * on a small table may read a large one from end to end.
 */
const LIFETIME = 120 * (0.9 + 0.2 * Math.random());

/** The connection to PostgreSQL, a server's or the embedded one. */
export class Database {
  private constructor(
    /** What migrations run over. */
    readonly adapter: SqlMigrationAwareDriverAdapterFactory,
    private readonly prisma: PrismaClient,
    private readonly answerWithin: number,
    private readonly release: () => Promise<void>,
    private readonly metrics?: StoreMetrics,
  ) {}

  /**
   * Opens the database. A server is not connected to before the first statement, which may take its time only if
   * `unhurried`.
   *
   * @param how.lifetime how long a connection to a server is used, in seconds
   * @param how.metrics what is told of each statement and of the pool
   * @throws DirectoryInUse if another process uses the folder of the embedded database
   */
  static async open(
    config: DatabaseConfig,
    {
      unhurried = false,
      lifetime = LIFETIME,
      metrics,
    }: { unhurried?: boolean; lifetime?: number; metrics?: StoreMetrics } = {},
  ): Promise<Database> {
    const answerWithin = unhurried ? UNHURRIED.answer : ANSWER_WITHIN;
    if (config.kind === 'embedded') return Database.openEmbedded(config.directory, answerWithin, metrics);
    // The adapter reads a timestamp's digits and takes them for UTC. A role may have a statement_timeout of its own.
    const parameters = ['TimeZone=UTC', ...(unhurried ? ['statement_timeout=0'] : [])];
    const { connections = CONNECTIONS } = config;
    const servers = serversOf(config.url).map((url) => withParameters(url, parameters));
    const adapter = new ServerAdapter(
      {
        connectionString: servers[0]!,
        ...(servers.length > 1 && { Client: clientOf(servers) }),
        max: connections,
        maxLifetimeSeconds: lifetime,
        connectionTimeoutMillis: unhurried ? UNHURRIED.connect : CONNECT_WITHIN,
        ...(!unhurried && {
          query_timeout: GIVE_UP_AFTER,
          // PgBouncer takes no such parameters: there, they are the role's.
          ...(!isPooled(config.url) && {
            statement_timeout: ANSWER_WITHIN,
            idle_in_transaction_session_timeout: GIVE_UP_AFTER,
          }),
        }),
        application_name: 'ratchet',
        keepAlive: true,
      },
      { statementNameGenerator: ({ sql }) => statementName(sql) },
    );
    const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
    metrics?.pool(() => adapter.pool && useOf(adapter.pool, connections));
    return new Database(adapter, prisma, answerWithin, () => prisma.$disconnect(), metrics);
  }

  private static async openEmbedded(
    directory: string,
    answerWithin: number,
    metrics?: StoreMetrics,
  ): Promise<Database> {
    mkdirSync(directory, { recursive: true });
    const unlock = await lockDirectory(directory);
    const server = await PGlite.create(join(directory, 'postgres'));
    await server.exec(`SET TIME ZONE 'UTC'`);
    const adapter = new PrismaPGlite(server);
    const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
    const release = async (): Promise<void> => {
      await prisma.$disconnect();
      await server.close();
      unlock();
    };
    return new Database(adapter, prisma, answerWithin, release, metrics);
  }

  /**
   * Does `work`.
   *
   * @throws Unavailable if the database cannot be reached or does not answer in time; the work may then have
   * been done all the same
   */
  async run<T>(work: (prisma: PrismaClient) => Promise<T>): Promise<T> {
    const since = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Unavailable('database', 'no answer in time')), this.answerWithin);
    });
    try {
      const result = await Promise.race([work(this.prisma), late]);
      this.metrics?.answered((performance.now() - since) / 1_000);
      return result;
    } catch (error) {
      this.metrics?.answered((performance.now() - since) / 1_000, failureClass(error));
      throw isOutage(error) ? new Unavailable('database', saidBy(error), error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks for an answer. @throws Unavailable if none comes */
  async ping(): Promise<void> {
    await this.run((prisma) => prisma.$queryRaw`SELECT 1`);
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.release();
  }
}

function useOf({ totalCount, idleCount, waitingCount }: Pool, size: number): PoolUse {
  return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, size };
}

/** A URL whose sessions begin with `parameters`, such as `TimeZone=UTC`, beside those that it has. */
function withParameters(url: string, parameters: readonly string[]): string {
  const parsed = new URL(url);
  const options = parsed.searchParams.get('options');
  const all = [options, ...parameters.map((parameter) => `-c ${parameter}`)];
  parsed.searchParams.set('options', all.filter(Boolean).join(' '));
  return parsed.toString();
}

/** What the names of the service's prepared statements begin with. */
export const STATEMENT_PREFIX = 'ratchet_';

const statementNames = new Map<string, string>();

/**
 * A short name for each of the few statements, so that PostgreSQL parses and plans it once a connection. Every process
 * gives a statement the same one: behind a pooler they may share a connection.
 */
function statementName(sql: string): string {
  let name = statementNames.get(sql);
  if (!name) {
    name = STATEMENT_PREFIX + createHash('sha256').update(sql).digest('hex').slice(0, 16);
    statementNames.set(sql, name);
  }
  return name;
}
