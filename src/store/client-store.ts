import type { Client, ClientChange, NewClient } from '../core/client.js';
import type { Revoking } from '../core/session-event.js';

/** A secret that replaces another. */
export interface SecretChange {
  /** SHA-256 of the new one. */
  readonly hash: Uint8Array;
  /** For how long the one before is good as well, in seconds; 0 ends whatever there was. */
  readonly overlap: number;
  /** Which one that is, where two are good: the other one ends. */
  readonly keep: 'older' | 'newer' | undefined;
}

/** The OAuth clients in the database. Every verb throws Unavailable if the database does not answer in time. */
export abstract class ClientStore {
  /** Adds a client; false if its id is taken. */
  abstract add(client: NewClient): Promise<boolean>;

  abstract find(id: string): Promise<Client | undefined>;

  /** Changes a client for which `change` was judged; undefined if it has changed since, or is gone. */
  abstract amend(judged: Client, change: ClientChange): Promise<Client | undefined>;

  /**
   * Gives a client that has a secret a new one; undefined if there is no such client, or if two secrets are good and
   * the change does not say which one to keep.
   */
  abstract replaceSecret(id: string, change: SecretChange): Promise<Client | undefined>;

  /** Ends the secret before the newest one, if it is still good; false if there is no such client. */
  abstract endPreviousSecret(id: string): Promise<boolean>;

  /** Up to `limit` clients by id, from after the id `after`. */
  abstract list(limit: number, after?: string): Promise<Client[]>;

  /**
   * Removes a client and ends its sessions in one step, so that none survives it, however many they are; false if
   * there was none.
   */
  abstract remove(id: string, event: Revoking): Promise<boolean>;
}
