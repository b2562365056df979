/** Remembers identifiers that are good once, for all replicas. */
export abstract class UsedJtis {
  /**
   * Uses `jti` of `issuer` (a client, a key); false if it was used before. Remembered for `seconds`, after which the
   * proof or assertion that carries it must be too old anyway.
   *
   * @throws Unavailable if the database does not answer in time
   */
  abstract use(issuer: string, jti: string, seconds: number): Promise<boolean>;

  /** Forgets up to `limit` that need not be remembered any more; how many they were. */
  abstract forget(limit: number): Promise<number>;
}
