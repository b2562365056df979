import type { Client } from '../core/client.js';

/** The OAuth clients in the database. Every verb throws StoreUnavailable if the database does not answer in time. */
export abstract class ClientStore {
  /** Adds a client; false if its id is taken. */
  abstract add(client: Omit<Client, 'createdAt'>): Promise<boolean>;

  abstract find(id: string): Promise<Client | undefined>;

  /** All clients, by id. */
  abstract list(): Promise<Client[]>;

  /** Removes a client and ends its sessions in one step, so that none survives it; false if there was none. */
  abstract remove(id: string): Promise<boolean>;
}
