// An app's session with Ratchet, for React Native and Expo: the file to copy. No dependencies, no timers in the background.
//
// The refresh token is in the system's secure storage and nowhere else; the access token is in memory. However many calls
// need another one, one refresh is made. Only a 401 of the service signs anybody out.

/** Where the refresh token is kept: `import * as SecureStore from 'expo-secure-store'` is one, as it is. */
export interface SecureStorage {
  getItemAsync(key: string): Promise<string | null>;
  setItemAsync(key: string, value: string): Promise<void>;
  deleteItemAsync(key: string): Promise<void>;
}

/** What the login backend has answered. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/** What an access token says. */
export interface Claims {
  sub: string;
  sid: string;
  exp: number;
  iat: number;
  [claim: string]: unknown;
}

/** The service cannot answer just now, or the phone is offline. Nobody is signed out: the same call will succeed later. */
export class Unavailable extends Error {
  override name = 'Unavailable';

  /** @param wait milliseconds until it makes sense to ask again */
  constructor(
    message: string,
    readonly wait = 1_000,
  ) {
    super(message);
  }
}

/** There is no session: show the sign-in screen. */
export class SignedOut extends Error {
  override name = 'SignedOut';

  /** @param code the service's reason, such as `EXPIRED` or `REVOKED` */
  constructor(readonly code: string) {
    super(`signed out: ${code}`);
  }
}

/** A session. `onChange` is called when somebody has signed in or out. */
export class Session {
  onChange: () => void = () => undefined;

  private access: { text: string; claims: Claims; renewAt: number; expiresAt: number } | undefined;
  /** A refresh token that could not be stored: it is newer than the one that is. */
  private unstored: string | undefined;
  private flight: Promise<string> | undefined;
  private askAgainAt = 0;
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param url where the service is, such as `https://auth.example.com`
   * @param storage where the refresh token is kept, under `key`
   * @param patience for how many milliseconds an answer is waited for
   */
  constructor(
    private readonly url: string,
    private readonly storage: SecureStorage,
    private readonly key = 'ratchet.refresh-token',
    private readonly patience = 10_000,
  ) {}

  /** What the access token says of who is signed in; undefined if nobody is, as far as is known. */
  get claims(): Claims | undefined {
    return this.access?.claims;
  }

  /** Takes what the login backend has answered. */
  signedIn(tokens: Tokens): Promise<void> {
    return this.inTurn(() => this.keep(tokens));
  }

  /**
   * An access token that can be used: to be called when the app starts, too, and when it comes to the front.
   *
   * @param refused one that an API has just answered 401 to: another is got
   * @throws SignedOut, Unavailable
   */
  async accessToken(refused?: string): Promise<string> {
    const { access } = this;
    const now = Date.now();
    if (access && access.text !== refused && now < access.expiresAt) {
      // One that soon is not good any more is renewed while it is still used.
      if (now >= access.renewAt) this.renew(access.text).catch(() => undefined);
      return access.text;
    }
    return this.renew(access?.text);
  }

  /**
   * As `fetch`, with the access token. After a 401, the request is sent once more, with another.
   *
   * @throws SignedOut, Unavailable, or what `fetch` throws
   */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const send = (token: string): Promise<Response> =>
      fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
    const token = await this.accessToken();
    const response = await send(token);
    return response.status === 401 ? send(await this.accessToken(token)) : response;
  }

  /** Signs out: here, whatever the service says, and there if it can be reached. Gives whether it was. */
  signOut(): Promise<boolean> {
    return this.inTurn(async () => {
      const refreshToken = await this.read();
      const isEnded =
        refreshToken === null ||
        (await this.post('/auth/logout', refreshToken).then(
          ({ status }) => status === 204,
          () => false,
        ));
      await this.forget();
      return isEnded;
    });
  }

  private renew(stale: string | undefined): Promise<string> {
    this.flight ??= this.inTurn(() => this.refresh(stale)).finally(() => {
      this.flight = undefined;
    });
    return this.flight;
  }

  private async refresh(stale: string | undefined): Promise<string> {
    // Somebody may have signed in while this waited for its turn.
    if (this.access && this.access.text !== stale) return this.access.text;
    const refreshToken = await this.read();
    if (refreshToken === null) throw new SignedOut('NOBODY');
    if (Date.now() < this.askAgainAt)
      throw new Unavailable('The service asked for a pause', this.askAgainAt - Date.now());

    const response = await this.post('/auth/refresh', refreshToken);
    const body = (await response.json().catch(() => undefined)) as
      (Partial<Tokens> & { code?: string; message?: string }) | undefined;
    if (response.status === 401) {
      // A widget or a background task of this app may have signed in anew, or refreshed.
      if ((await this.read()) !== refreshToken) return this.refresh(stale);
      await this.forget();
      throw new SignedOut(body?.code ?? '401');
    }
    const { accessToken, refreshToken: next } = body ?? {};
    // 429, 503, a proxy's page: nothing that says that the session is over. Nor is a 200 whose end was lost.
    if (response.status >= 500 || response.ok || [408, 429].includes(response.status)) {
      if (response.ok && accessToken !== undefined && next !== undefined) {
        await this.keep({ accessToken, refreshToken: next });
        return accessToken;
      }
      const seconds = Number(response.headers.get('retry-after')) || 1;
      this.askAgainAt = Date.now() + seconds * 1_000;
      throw new Unavailable(`The service answered ${response.status}`, seconds * 1_000);
    }
    // A request that is wrong stays wrong, and is no reason to sign anybody out: the app or a setting must be mended.
    throw new Error(`${response.status} ${body?.code ?? ''} ${body?.message ?? ''}`);
  }

  private async post(path: string, refreshToken: string): Promise<Response> {
    // Not AbortSignal.timeout, which not every engine of React Native has.
    const impatience = new AbortController();
    const timer = setTimeout(() => {
      impatience.abort();
    }, this.patience);
    try {
      return await fetch(this.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
        // Else React Native would keep cookies, and send them along.
        credentials: 'omit',
        signal: impatience.signal,
      });
    } catch {
      throw new Unavailable('No answer from the service');
    } finally {
      clearTimeout(timer);
    }
  }

  private async read(): Promise<string | null> {
    return this.unstored ?? (await this.storage.getItemAsync(this.key));
  }

  /**
   * Stores the refresh token before the access token is used. An app that is killed before that presents the old one when it
   * starts again, and is given the very same successor, days later, too. So does one whose storage is locked or full.
   */
  private async keep({ accessToken, refreshToken }: Tokens): Promise<void> {
    this.unstored = refreshToken;
    try {
      await this.storage.setItemAsync(this.key, refreshToken);
      this.unstored = undefined;
    } catch {
      // Tried again with the next one.
    }
    const before = this.access?.claims.sid;
    const claims = claimsOf(accessToken);
    // Counted from when it came: a phone's clock may be wrong, its pace is not.
    const lifetime = (claims.exp - claims.iat) * 1_000;
    const now = Date.now();
    this.access = { text: accessToken, claims, renewAt: now + lifetime * 0.8, expiresAt: now + lifetime };
    if (claims.sid !== before) this.onChange();
  }

  private async forget(): Promise<void> {
    this.unstored = undefined;
    this.access = undefined;
    await this.storage.deleteItemAsync(this.key);
    this.onChange();
  }

  /** One after another, so that no refresh is under way while somebody signs in or out. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

function claimsOf(jwt: string): Claims {
  const text = atob(jwt.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = Array.from(text, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return JSON.parse(decodeURIComponent(bytes.join(''))) as Claims;
}
