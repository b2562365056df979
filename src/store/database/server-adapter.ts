import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';

/**
 * Prisma's adapter for a server, whose pool keeps a connection only if it is between two statements and in no
 * transaction.
 *
 * The adapter itself gives a connection back as it is when a ROLLBACK finds no answer in time: whatever was written on
 * it from then on would be answered, and rolled back at last. No verb of the stores opens a transaction; this holds
 * should one ever do.
 */
export class ServerAdapter extends PrismaPg {
  private connected: pg.Pool | undefined;

  /** The pool; undefined before the first statement. */
  get pool(): pg.Pool | undefined {
    return this.connected;
  }

  override async connect(): ReturnType<PrismaPg['connect']> {
    const adapter = await super.connect();
    this.connected = adapter.underlyingDriver();
    this.connected.on('release', (_error: Error, client: pg.PoolClient) => {
      // The pool drops a connection that is ending.
      if (!isClean(client)) void client.end();
    });
    return adapter;
  }
}

function isClean(client: pg.PoolClient): boolean {
  // Not in the types: false from a statement's sending until the server has done with it.
  const { readyForQuery } = client as pg.PoolClient & { readyForQuery: boolean };
  return readyForQuery && client.getTransactionStatus() === 'I';
}
