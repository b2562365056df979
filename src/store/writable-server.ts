import pg from 'pg';

/** How long a server has to say whether it takes writes, in milliseconds: a dead machine never says anything. */
const PROBE_WITHIN = 1_000;

/** A server answers, and only reads: a standby, or a primary that has been put aside. */
class OnlyReads extends Error {
  constructor() {
    super('it only reads');
    this.name = 'OnlyReads';
  }
}

/**
 * Which of several servers takes writes, as it changes over time: the primary dies, a standby is promoted. Remembers
 * it until it fails. All are asked at once, so that one which does not answer holds up nobody.
 */
class WritableServer {
  private known: Promise<string> | undefined;

  /** @param servers a URL for each */
  constructor(private readonly servers: readonly string[]) {}

  /** The URL of one that takes writes. @throws Error if none does */
  find(): Promise<string> {
    if (this.known) return this.known;
    const found: Promise<string> = this.probe().catch((error: unknown) => {
      this.forget(found);
      throw error;
    });
    return (this.known = found);
  }

  /** Has the servers asked again, unless they have been since `found` was given. */
  forget(found: Promise<string>): void {
    if (this.known === found) this.known = undefined;
  }

  private async probe(): Promise<string> {
    try {
      return await Promise.any(this.servers.map((server) => probe(server)));
    } catch (error) {
      const { errors } = error as AggregateError & { errors: Error[] };
      // What a server says itself, of a password for instance, is what the operator needs.
      const said = errors.find((each) => each instanceof pg.DatabaseError);
      const all = errors.map(({ message }, at) => `${new URL(this.servers[at]!).host}: ${message}`);
      throw said ?? new Error(`no server takes writes (${all.join('; ')})`, { cause: error });
    }
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
      const found = writable.find();
      const { hostname, port } = new URL(await found);
      this.host = hostname.replace(/^\[|\]$/g, '');
      this.port = Number(port || 5432);
      try {
        await super.connect();
        await expectWritable(this);
        return this;
      } catch (error) {
        writable.forget(found);
        if (error instanceof OnlyReads) await this.end();
        throw error;
      }
    }
  };
}

async function probe(server: string): Promise<string> {
  const client = new pg.Client({
    connectionString: server,
    connectionTimeoutMillis: PROBE_WITHIN,
    query_timeout: PROBE_WITHIN,
  });
  // Its end is told by whatever is waiting for it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await expectWritable(client);
    return server;
  } finally {
    void client.end().catch(() => undefined);
  }
}

async function expectWritable(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
  if (rows[0]?.transaction_read_only !== 'off') throw new OnlyReads();
}
