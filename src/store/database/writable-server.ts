import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** How long a server has to say whether it takes writes, in milliseconds: a dead machine never says anything. */
const PROBE_WITHIN = 1_000;
/** How long the others are waited for once one has said that it does, in milliseconds: they may have been promoted. */
const OTHERS_WITHIN = 500;

/** Whose writes a server takes: of two servers of one cluster that take any, the one of the later timeline was promoted. */
interface Term {
  /** Which cluster it belongs to; empty where the server cannot say. */
  readonly cluster: string;
  /** Eight hexadecimal digits, one more with each promotion; empty where the server cannot say. */
  readonly timeline: string;
}

/** A server answers, and is not the one to write to: a standby, or a former primary. */
class NotWritable extends Error {
  override readonly name = 'NotWritable';
}

/**
 * Which of several servers takes writes, as it changes over time: the primary dies or freezes, a standby is promoted. A
 * frozen one that goes on does not know of that, and takes writes until whoever watches over the cluster stops it.
 */
class WritableServer {
  private asking: Promise<string> | undefined;
  private latest: Term = { cluster: '', timeline: '' };
  private readonly connected = new Set<pg.Client>();
  /** Those that were waited for in vain when they were last asked: they are not, until they answer in time again. */
  private readonly silent = new Set<string>();

  /** @param servers a URL for each */
  constructor(private readonly servers: readonly string[]) {}

  /** The URL of the one that takes writes just now. @throws Error if none does */
  find(): Promise<string> {
    return (this.asking ??= this.ask().finally(() => (this.asking = undefined)));
  }

  /**
   * Admits a connection to a server of `term`. If that was promoted, those that there are to others are cut.
   *
   * @throws NotWritable if another has been promoted since
   */
  admit(client: pg.Client, term: Term): void {
    const { cluster, timeline } = this.latest;
    if (term.cluster === cluster && term.timeline < timeline)
      throw new NotWritable('it is a former primary, another has been promoted');
    if (term.cluster !== cluster || term.timeline > timeline) {
      this.latest = term;
      // As if the network had: whatever waits for an answer on them is told, and the pool drops them.
      for (const each of this.connected) each.connection.stream.destroy();
    }
    this.connected.add(client);
    client.once('end', () => this.connected.delete(client));
  }

  /** Asks all at once, so that one which does not answer holds up nobody for long. */
  private async ask(): Promise<string> {
    const writable: { server: string; timeline: string }[] = [];
    const asked = this.servers.map(async (server) => {
      const since = performance.now();
      try {
        const { timeline } = await probe(server);
        writable.push({ server, timeline });
      } finally {
        if (performance.now() - since > OTHERS_WITHIN) this.silent.add(server);
        else this.silent.delete(server);
      }
    });
    const waitedFor = asked.filter((_, at) => !this.silent.has(this.servers[at]!));
    try {
      await Promise.any(asked);
    } catch (error) {
      const { errors } = error as AggregateError & { errors: Error[] };
      // What a server says itself, of a password for instance, is what the operator needs.
      const said = errors.find((each) => each instanceof pg.DatabaseError);
      const all = errors.map(({ message }, at) => `${new URL(this.servers[at]!).host}: ${message}`);
      throw said ?? new Error(`no server takes writes (${all.join('; ')})`, { cause: error });
    }
    await Promise.race([Promise.allSettled(waitedFor), pause(OTHERS_WITHIN, undefined, { ref: false })]);
    return writable.reduce((best, each) => (each.timeline > best.timeline ? each : best)).server;
  }
}

/**
 * What a pool makes its connections with, so that each is to whichever of `servers` takes writes when it is made.
 * A connection that finds out later is the pool's to drop, as it does with any that fails.
 */
export function clientOf(servers: readonly string[]): typeof pg.Client {
  const writable = new WritableServer(servers);
  return class extends pg.Client {
    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error | null, client?: pg.Client) => void): void;
    override connect(callback?: (error: Error | null, client?: pg.Client) => void): unknown {
      const connected = this.connectToWritable();
      if (!callback) return connected;
      connected.then(
        () => callback(null, this),
        (error: unknown) => callback(error as Error),
      );
      return undefined;
    }

    private async connectToWritable(): Promise<pg.Client> {
      const { hostname, port } = new URL(await writable.find());
      this.host = hostname.replace(/^\[|\]$/g, '');
      this.port = Number(port || 5432);
      // Whoever asked for the connection is told by the error, and listens to the connection only when it is theirs.
      this.on('error', ignore);
      try {
        await super.connect();
        writable.admit(this, await termOf(this));
        return this;
      } catch (error) {
        if (error instanceof NotWritable) await this.end();
        throw error;
      } finally {
        this.off('error', ignore);
      }
    }
  };
}

/** A lost connection is reported by the query that waits; without a listener it would end the process, too. */
const ignore = (): void => undefined;

async function probe(server: string): Promise<Term> {
  const client = new pg.Client({
    connectionString: server,
    connectionTimeoutMillis: PROBE_WITHIN,
    query_timeout: PROBE_WITHIN,
  });
  client.on('error', ignore);
  try {
    await client.connect();
    return await termOf(client);
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** What a role may not ask, or what calls itself PostgreSQL does not know. */
const CANNOT_SAY = new Set(['42501', '42883', '0A000']);

/** @throws NotWritable if it only reads */
async function termOf(client: pg.Client): Promise<Term> {
  const { rows } = await client
    .query<Term & { writable: boolean }>(
      `SELECT current_setting('transaction_read_only') = 'off' AS writable, system_identifier::text AS cluster,
         CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline
       FROM pg_control_system()`,
    )
    .catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError && CANNOT_SAY.has(error.code ?? ''))) throw error;
      return client.query<Term & { writable: boolean }>(
        `SELECT current_setting('transaction_read_only') = 'off' AS writable, '' AS cluster, '' AS timeline`,
      );
    });
  const { writable, ...term } = rows[0]!;
  if (!writable) throw new NotWritable('it only reads');
  return term;
}
