/** A signing key as the database keeps it. */
export interface StoredSigningKey {
  readonly kid: string;
  /** Its place in the row of keys; no two keys share one. */
  readonly ordinal: number;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** The private half, encrypted. */
  readonly sealedKey: Uint8Array;
  /** The kid of the refresh token key whose derived key it is sealed under. */
  readonly sealedBy: number;
  readonly activatesAt: Date;
}

/** What the key ring asks of the database. Every verb throws Unavailable if the database does not answer. */
export abstract class SigningKeyStore {
  /** All keys and the database's time. */
  abstract all(): Promise<{ keys: StoredSigningKey[]; now: Date }>;

  /** Adds a key, unless another replica has filled its ordinal. */
  abstract add(key: StoredSigningKey): Promise<void>;

  /** Replaces the sealed private half of a key. */
  abstract reseal(kid: string, sealedKey: Uint8Array, sealedBy: number): Promise<void>;

  abstract remove(kid: string): Promise<void>;
}
