/** How refreshes of a contract or a client are done. */
export interface RefreshPolicy {
  /**
   * The grace window in milliseconds: how long after a rotation the previous generation may still be presented.
   * 0 is strict mode: every refresh rotates and every replay is reuse.
   */
  readonly grace: number;
  /**
   * `rotate` gives a new refresh token; `touch` keeps the one there is and only moves the idle deadline
   * (FAPI 2.0 section 5.3.2.1-9 asks for this).
   */
  readonly mode: RefreshMode;
  /** The client that presents the token, if the contract authenticates clients. */
  readonly presenter?: Presenter;
}

/** A client that has been authenticated, or a public one that has named itself (RFC 6749 section 6). */
export interface Presenter {
  readonly clientId: string;
  /** The thumbprint of the key whose possession the request proves (RFC 9449), if it does. */
  readonly jkt?: string;
}

/** Whether a refresh gives a new refresh token. */
export type RefreshMode = 'rotate' | 'touch';
