// An app's session with Ratchet, for React Native and Expo: the file to copy. No dependencies, no timers in the background.
//
// The refresh token is in the system's secure storage and nowhere else; the access token is in memory. However many calls
// need another one, one refresh is made. Only a 401 of the service signs anybody out.

// Hermes has it since React Native 0.74, whose types do not know it.
declare const atob: (base64: string) => string;

/** The codes of the 401s that say that a session is over. */
const OVER = ['MISSING_TOKEN', 'MALFORMED_TOKEN', 'UNKNOWN_SESSION', 'EXPIRED', 'REVOKED', 'REUSED'];

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

interface Answer {
  status: number;
  retryAfter: string | null;
  /** Empty if it is not the service's. */
  body: Partial<Tokens> & { code?: string; message?: string };
}

/** A session. One of an app is enough; another, of a widget say, shares the storage. */
export class Session {
  /** Called when somebody has signed in or out. */
  onChange: () => void = () => undefined;
  /** Called with what happens, for those who want to watch. */
  onNote: (text: string) => void = () => undefined;

  private readonly url: string;
  private readonly apis: readonly string[];
  private readonly storage: SecureStorage;
  private readonly key: string;
  private readonly patience: number;
  private access: { text: string; claims: Claims; renewAt: number; expiresAt: number } | undefined;
  private flight: Promise<string> | undefined;
  private askAgainAt = 0;
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param options.url where the service is, such as `https://auth.example.com`
   * @param options.apis the origins that are given the access token: no other is, whatever is fetched
   * @param options.storage where the refresh token is kept, under `key`
   * @param options.patience for how many milliseconds an answer is waited for
   */
  constructor(options: {
    url: string;
    apis: readonly string[];
    storage: SecureStorage;
    key?: string;
    patience?: number;
  }) {
    this.url = options.url;
    this.apis = options.apis;
    this.storage = options.storage;
    this.key = options.key ?? 'ratchet.refresh-token';
    this.patience = options.patience ?? 10_000;
  }

  /** What the access token says of who is signed in; undefined if nobody is, as far as is known. */
  get claims(): Claims | undefined {
    return this.access?.claims;
  }

  /** Takes what the login backend has answered. Fails if it cannot be stored: nobody is signed in then. */
  signedIn({ accessToken, refreshToken }: Tokens): Promise<void> {
    return this.inTurn(async () => {
      await this.storage.setItemAsync(this.key, refreshToken);
      this.use(accessToken);
    });
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
    if (!this.apis.some((api) => url.startsWith(`${api}/`)))
      throw new TypeError(`${url} is not to have the access token`);
    const send = (token: string): Promise<Response> => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      return fetch(url, { ...init, headers });
    };
    const token = await this.accessToken();
    const response = await send(token);
    if (response.status !== 401) return response;
    this.onNote('An API has refused the access token');
    return send(await this.accessToken(token));
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
    if (refreshToken === null) {
      this.end();
      throw new SignedOut('NOBODY');
    }
    if (Date.now() < this.askAgainAt)
      throw new Unavailable('The service asked for a pause', this.askAgainAt - Date.now());

    const { status, retryAfter, body } = await this.post('/auth/refresh', refreshToken);
    // A widget, or a background task of this app, is another instance with the same storage. If it has signed in or out
    // meanwhile, this answer is about a session that is not the user's any more.
    const stored = await this.read();
    if (stored !== refreshToken && stored !== body.refreshToken) return this.refresh(stale);

    if (status === 200 && body.accessToken !== undefined && body.refreshToken !== undefined) {
      await this.store(body.refreshToken);
      this.use(body.accessToken);
      this.onNote('A new access token');
      return body.accessToken;
    }
    if (status === 401 && OVER.includes(body.code ?? '')) {
      await this.forget();
      this.onNote(`The session is over: ${body.code}`);
      throw new SignedOut(body.code ?? '');
    }
    // 429, 503, the page of a hotel's Wi-Fi with whatever status: nothing that says that the session is over.
    if (status >= 500 || [408, 429].includes(status) || body.code === undefined) {
      const wait = (Number(retryAfter) || 1) * 1_000;
      this.askAgainAt = Date.now() + wait;
      this.onNote(`The service answered ${status}; again in ${wait / 1_000} s`);
      throw new Unavailable(`The service answered ${status}`, wait);
    }
    // A request that is wrong stays wrong, and is no reason to sign anybody out: the app or a setting must be mended.
    throw new Error(`${status} ${body.code} ${body.message ?? ''}`);
  }

  /** The service's answer, whole: one that stops halfway is none. */
  private async post(path: string, refreshToken: string): Promise<Answer> {
    // Not AbortSignal.timeout, which not every engine of React Native has.
    const impatience = new AbortController();
    const timer = setTimeout(() => {
      impatience.abort();
    }, this.patience);
    try {
      const response = await fetch(this.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
        // Else React Native would keep cookies, and send them along.
        credentials: 'omit',
        signal: impatience.signal,
      });
      const text = await response.text();
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body: bodyOf(text) };
    } catch {
      this.onNote('No answer from the service');
      throw new Unavailable('No answer from the service');
    } finally {
      clearTimeout(timer);
    }
  }

  /** The stored token, and never one that could not be stored: using that would disown the one which the next start finds. */
  private async read(): Promise<string | null> {
    try {
      return await this.storage.getItemAsync(this.key);
    } catch {
      throw new Unavailable('The storage is locked');
    }
  }

  /**
   * Before the access token is used. An app that is killed before this, or whose storage is locked or full, presents the old
   * token again, and is given a successor, days later, too.
   */
  private async store(refreshToken: string): Promise<void> {
    try {
      await this.storage.setItemAsync(this.key, refreshToken);
    } catch {
      this.onNote('The new refresh token could not be stored; the old one stays good');
    }
  }

  private use(accessToken: string): void {
    const before = this.access?.claims.sid;
    const claims = claimsOf(accessToken);
    // Counted from when it came: a phone's clock may be wrong, its pace is not.
    const lifetime = (claims.exp - claims.iat) * 1_000;
    const now = Date.now();
    this.access = { text: accessToken, claims, renewAt: now + lifetime * 0.8, expiresAt: now + lifetime };
    if (claims.sid !== before) this.onChange();
  }

  private async forget(): Promise<void> {
    await this.storage.deleteItemAsync(this.key);
    this.end();
  }

  private end(): void {
    if (!this.access) return;
    this.access = undefined;
    this.onChange();
  }

  /** One after another, so that no refresh is under way while somebody signs in or out. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

function bodyOf(text: string): Answer['body'] {
  try {
    return Object(JSON.parse(text)) as Answer['body'];
  } catch {
    return {};
  }
}

function claimsOf(jwt: string): Claims {
  const text = atob(jwt.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = Array.from(text, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return JSON.parse(decodeURIComponent(bytes.join(''))) as Claims;
}
