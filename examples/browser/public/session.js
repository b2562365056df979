// A browser's session with Ratchet: the file to copy. No dependencies, no timers in the background.
//
// The refresh token is an HttpOnly cookie, which no script sees. The access token lives in this module's memory and
// nowhere else: a reload gets another with the cookie. Requests of one tab share one refresh; tabs take turns, and what
// one of them gets, all have. Only a 401 of the service itself signs anybody out.

/** The codes that say that the session is over. A 401 without one is a gateway's in between, and says nothing of it. */
const OVER = new Set(['MISSING_TOKEN', 'MALFORMED_TOKEN', 'UNKNOWN_SESSION', 'EXPIRED', 'REVOKED', 'REUSED']);

/** The service cannot answer just now. Nobody is signed out: the same call will succeed later. */
export class Unavailable extends Error {
  name = 'Unavailable';

  /** @param wait milliseconds until it makes sense to ask again; undefined if the service did not say */
  constructor(message, wait) {
    super(message);
    this.wait = wait;
  }
}

/** There is no session: show the sign-in page. */
export class SignedOut extends Error {
  name = 'SignedOut';

  /** @param code the service's reason, such as `MISSING_TOKEN`, `EXPIRED` or `REVOKED` */
  constructor(code) {
    super(`signed out: ${code}`);
    this.code = code;
  }
}

/**
 * A session. Events: `change`, when somebody has signed in or out, be it in another tab; `note`, whose `detail` is
 * `{kind, text}`, for those who want to watch.
 */
export class Session extends EventTarget {
  #url;
  #apis;
  #patience;
  #token;
  #flight;
  #askAgainAt = 0;
  #tabs = new BroadcastChannel('ratchet-session');

  /**
   * @param url where the service is, such as `https://auth.example.com`
   * @param apis the origins that are given the access token: no other is, whatever is fetched
   * @param patience for how many milliseconds a request waits for a service that does not answer
   */
  constructor({ url, apis = [location.origin], patience = 15_000 }) {
    super();
    this.#url = url;
    this.#apis = apis;
    this.#patience = patience;
    this.#tabs.onmessage = ({ data }) => this.#hear(data);
    // A timer would be late: browsers slow them down in hidden tabs and stop them while a laptop sleeps. Whoever comes
    // back is looked after when they do; everybody else when they next ask for something.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.#token) this.#fresh().catch(() => undefined);
    });
  }

  /** What the access token says of who is signed in; undefined if nobody is, as far as is known. */
  get claims() {
    return this.#token?.claims;
  }

  /** Until when the access token can be used, in milliseconds since 1970 by this machine's clock. */
  get expiresAt() {
    return this.#token?.expiresAt;
  }

  /**
   * Finds out whether the cookie is of a live session: to be called when the page loads.
   *
   * @throws Unavailable if that cannot be said just now
   */
  async resume() {
    try {
      await this.#fresh();
      return true;
    } catch (error) {
      if (error instanceof SignedOut) return false;
      throw error;
    }
  }

  /** Takes the access token that the login backend answered with; the cookie came along with it. */
  signedIn(accessToken) {
    this.#keep(accessToken);
    this.#tabs.postMessage({ accessToken });
  }

  /**
   * Ends the session, for all tabs.
   *
   * @throws Unavailable if it could not be ended: the session lives, and the page must not say that it does not
   */
  async signOut() {
    await this.#patiently(() => inTurn(() => this.#call('/auth/logout')));
    this.#end('LOGGED_OUT');
  }

  /**
   * As `fetch`, with the access token, for the origins in `apis`. Gets a new one first where there is none that is good,
   * and after a 401, whereupon it sends the request once more.
   *
   * @throws SignedOut, Unavailable, or what `fetch` throws
   */
  async fetch(input, init) {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!this.#apis.includes(origin)) throw new TypeError(`${origin} is not to have the access token`);
    const token = await this.#fresh();
    const response = await send(request.clone(), token);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    this.#note('refused', `${new URL(request.url).pathname} answered 401`);
    return send(request, await this.#renew(token));
  }

  /** An access token that is good, as far as is known. One that soon is not is renewed while it is still used. */
  async #fresh() {
    const token = this.#token;
    if (!token || Date.now() >= token.expiresAt) return this.#renew(token);
    if (Date.now() >= token.renewAt) this.#renew(token).catch(() => undefined);
    return token;
  }

  /** Another token than `stale`. However many ask for it at once, one request is made. */
  async #renew(stale) {
    if (this.#token && this.#token !== stale) return this.#token;
    this.#flight ??= this.#patiently(() => inTurn(() => this.#refresh(stale))).finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #refresh(stale) {
    // While this tab waited for its turn, another may have told it the new one.
    if (this.#token && this.#token !== stale) return this.#token;
    const { accessToken } = await this.#call('/auth/refresh');
    this.#keep(accessToken);
    this.#tabs.postMessage({ accessToken });
    this.#note('refreshed', 'A new access token');
    return this.#token;
  }

  /** Asks again for as long as patience lasts, and never before the service wants it. */
  async #patiently(ask) {
    const giveUpAt = Date.now() + this.#patience;
    for (let tried = 0; ; tried++) {
      try {
        if (Date.now() < this.#askAgainAt)
          throw new Unavailable('The service asked for a pause', this.#askAgainAt - Date.now());
        return await ask();
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        error.wait ??= Math.min(250 * 2 ** tried, 5_000) * (0.75 + Math.random() / 2);
        if (Date.now() + error.wait > giveUpAt) throw error;
        this.#note('waiting', `${error.message}; again in ${(error.wait / 1000).toFixed(1)} s`);
        await pause(error.wait);
      }
    }
  }

  /** Posts to the service, with the cookie; gives the answer's body. */
  async #call(path) {
    let response, body;
    try {
      response = await fetch(this.#url + path, {
        method: 'POST',
        credentials: 'include',
        signal: AbortSignal.timeout(10_000),
      });
      body = response.status === 204 ? undefined : await response.json();
    } catch {
      // No answer, half of one, or one that is not the service's. If it was lost on the way, the cookie is the old one
      // still, and what comes back for it is the very same successor.
      if (!response || response.ok) throw new Unavailable('No answer from the service');
    }
    if (response.ok) return body;
    const code = body?.code ?? response.status;
    if (response.status === 401 && OVER.has(code)) throw this.#end(code);
    // A request that is wrong stays wrong. It is no reason to sign anybody out: the code or a setting must be mended.
    if (response.status < 500 && ![401, 408, 429].includes(response.status))
      throw new Error(`${path}: ${code} ${body?.message ?? ''}`);
    const wait = millisecondsOf(response.headers.get('retry-after'));
    if (wait !== undefined) this.#askAgainAt = Date.now() + wait;
    throw new Unavailable(`The service answered ${response.status}`, wait);
  }

  #keep(accessToken) {
    const before = this.#token?.claims.sid;
    const claims = claimsOf(accessToken);
    // Counted from when it came: this machine's clock may be wrong, its pace is not.
    const lifetime = (claims.exp - claims.iat) * 1000;
    this.#token = {
      text: accessToken,
      claims,
      renewAt: Date.now() + lifetime * 0.8,
      expiresAt: Date.now() + lifetime,
    };
    if (claims.sid !== before) this.#changed();
  }

  #end(code) {
    const sid = this.#token?.claims.sid;
    this.#token = undefined;
    this.#note('signed out', code);
    if (sid) {
      this.#tabs.postMessage({ ended: sid });
      this.#changed();
    }
    return new SignedOut(code);
  }

  /** From another tab. One whose session has ended does not sign out a tab that has signed in anew. */
  #hear({ accessToken, ended }) {
    if (accessToken) {
      this.#keep(accessToken);
      this.#note('heard', 'Another tab has refreshed');
    } else if (ended === this.#token?.claims.sid) {
      this.#token = undefined;
      this.#note('heard', 'The session was ended in another tab');
      this.#changed();
    }
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #note(kind, text) {
    this.dispatchEvent(new CustomEvent('note', { detail: { kind, text } }));
  }
}

/**
 * Runs `ask` while no other tab runs one: so that tabs which wake up together send one request, and that no refresh is
 * under way while one of them signs out. Browsers without locks (and pages over plain HTTP) do without: the service takes
 * any number of refreshes at once.
 */
function inTurn(ask) {
  return navigator.locks ? navigator.locks.request('ratchet-session', ask) : ask();
}

function send(request, { text }) {
  request.headers.set('authorization', `Bearer ${text}`);
  return fetch(request);
}

/** Waits, but not on after the browser is online again. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
  });
}

/** Of a Retry-After: seconds, or from a proxy a date. */
function millisecondsOf(retryAfter) {
  if (retryAfter === null) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

function claimsOf(jwt) {
  const text = atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0))));
}
