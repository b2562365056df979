/** For how long the token that was exchanged last is still good, in milliseconds. */
export interface Windows {
  /**
   * The grace window in milliseconds: for how long after an exchange nothing is exchanged anew. Whoever presents its
   * parent or a successor is given a successor that is there already. 0 is strict mode: every refresh rotates, every
   * repetition is reuse, and nothing recovers.
   */
  readonly grace: number;
  /**
   * The recovery window in milliseconds: how long after an exchange its parent, if none of its successors has been
   * used, may be exchanged once more. 0 makes the parent good for the grace window alone.
   */
  readonly recovery: number;
}

/** How a token is presented: for a new refresh token or not, by whom, and within which windows if not the configured. */
export interface Presentation {
  /**
   * `rotate` gives a new refresh token; `touch` keeps the one there is and only moves the idle deadline
   * (FAPI 2.0 section 5.3.2.1-9 asks for this).
   */
  readonly mode: RefreshMode;
  /** The client that presents the token, if the contract authenticates clients. */
  readonly presenter?: Presenter;
  readonly windows?: Partial<Windows>;
}

/** How a refresh is done. */
export interface RefreshPolicy extends Windows, Omit<Presentation, 'windows'> {}

/** A client that has been authenticated, or a public one that has named itself (RFC 6749 section 6). */
export interface Presenter {
  readonly clientId: string;
  /** The thumbprint of the key whose possession the request proves (RFC 9449), if it does. */
  readonly jkt?: string;
  /** Whether a session without a key is from then on bound to this one, as a public client's is (RFC 9449 section 5). */
  readonly binds?: boolean;
  /** Whether it was authenticated by an assertion of its own key, which is good once (private_key_jwt, RFC 7523). */
  readonly proven?: boolean;
}

/** Whether a refresh gives a new refresh token. */
export type RefreshMode = 'rotate' | 'touch';
