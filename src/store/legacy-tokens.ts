/** What the database knows of a token of another system. */
export interface KnownLegacyToken {
  /** The session that it is of. */
  readonly sessionId: string;
  /** Whether it has been used: the session's id is then the one that follows from the token that was. */
  readonly used: boolean;
}

/** What has become of it by its use. */
export interface UsedLegacyToken extends KnownLegacyToken {
  /** Whether this was the use that it moved in by. */
  readonly movedIn: boolean;
}

/**
 * Whether a token may be redeemed at its issuer now: `first`; `again`, where somebody did so a moment ago and nothing has come of it
 * yet; not while somebody `held` does; and not while the issuer's word is fresh that it is none (`refused`).
 */
export type Claimed = 'first' | 'again' | 'held' | 'refused';

/** The refresh tokens that sessions were imported with. */
export abstract class LegacyTokens {
  /**
   * Finds the token that was imported under one of `lookups`; undefined if none was.
   *
   * @throws Unavailable if the database does not answer in time
   */
  abstract find(lookups: readonly Buffer[]): Promise<KnownLegacyToken | undefined>;

  /**
   * Uses it for the first time: gives its session the id that follows from the token, which is known from now on. Of several
   * that do it at once, one does; the others are given what it has done.
   *
   * @returns as find
   * @throws Unavailable if the database does not answer in time
   */
  abstract use(lookups: readonly Buffer[], sessionId: string): Promise<UsedLegacyToken | undefined>;

  /**
   * Claims the redemption of a token, for all replicas: nobody else does it for some seconds.
   *
   * @throws Unavailable if the database does not answer in time: what was redeemed could then not be kept
   */
  abstract claim(lookup: Buffer): Promise<Claimed>;

  /** Gives the claim up: whoever comes next is the next. @throws Unavailable if the database does not answer in time */
  abstract release(lookup: Buffer): Promise<void>;

  /** Remembers for some minutes that the issuer takes it for none. @throws Unavailable if the database does not answer in time */
  abstract refuse(lookup: Buffer): Promise<void>;

  /** Forgets claims that are of no more use, up to `limit`; how many they were. */
  abstract forget(limit: number): Promise<number>;
}
