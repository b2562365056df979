// A session of a command-line tool with Ratchet, in a file that its processes share: the file to copy.
/* global AbortController */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { lock } from 'proper-lockfile';

/** The session is over, or there is none: to be told to sign in. The only error for which the token is given up. */
export class SignedOut extends Error {
  name = 'SignedOut';
}

/** The service cannot answer just now: the token is kept, and the same command will succeed later. */
export class TryAgain extends Error {
  name = 'TryAgain';
}

/** The file cannot be read, and says nothing of whether the session is good. */
export class UnreadableFile extends Error {
  name = 'UnreadableFile';
}

/** The codes that say that the session is over. A 401 without one is a gateway's in between, and says nothing of it. */
const OVER = new Set(['MISSING_TOKEN', 'MALFORMED_TOKEN', 'UNKNOWN_SESSION', 'EXPIRED', 'REVOKED', 'REUSED']);

/** An access token that lives for less than this is renewed before it is used, in milliseconds. */
const MARGIN = 30_000;

/** Where the session is kept: under XDG_CONFIG_HOME, or else ~/.config. */
export function sessionFile(tool, { XDG_CONFIG_HOME, HOME = homedir() } = process.env) {
  return join(XDG_CONFIG_HOME || join(HOME, '.config'), tool, 'session.json');
}

export class Session {
  #url;
  #file;
  #patience;

  /**
   * @param url where the service is
   * @param file where the session is kept; see `sessionFile`
   * @param patience for how long an answer, or another process, is waited for, in milliseconds
   */
  constructor({ url, file, patience = 10_000 }) {
    this.#url = url;
    this.#file = file;
    this.#patience = patience;
  }

  /** Keeps what the login backend has answered. */
  async signedIn({ accessToken, refreshToken }) {
    await this.#alone(() => this.#write({ accessToken, refreshToken, expiresAt: expiryOf(accessToken) }));
  }

  /**
   * An access token that can be used.
   *
   * @param refused one that an API has just answered 401 to: another is got, unless another process has got it already
   * @throws SignedOut, TryAgain, UnreadableFile
   */
  async accessToken(refused) {
    const isGood = (tokens) => tokens.accessToken !== refused && tokens.expiresAt - Date.now() > MARGIN;
    const kept = await this.#read();
    if (isGood(kept)) return kept.accessToken;
    return this.#alone(async () => {
      // Another process may have refreshed while this one waited for its turn.
      const tokens = await this.#read();
      return isGood(tokens) ? tokens.accessToken : this.#refresh(tokens.refreshToken);
    });
  }

  /** Signs out: here, whatever the service says, and there if it can be reached. @returns whether it was */
  async signOut() {
    return this.#alone(async () => {
      const isEnded = await this.#read()
        .then(({ refreshToken }) => this.#post('/auth/logout', refreshToken))
        .then(
          ({ status }) => status === 204,
          (error) => error instanceof SignedOut,
        );
      await rm(this.#file, { force: true });
      return isEnded;
    });
  }

  async #refresh(refreshToken) {
    const response = await this.#post('/auth/refresh', refreshToken);
    const body = await response.json().catch(() => undefined);
    if (response.status === 401 && OVER.has(body?.code)) {
      await rm(this.#file, { force: true });
      throw new SignedOut(`the session is over (${body?.code})`);
    }
    // 429, 503, a proxy's page or its 401: nothing that says that the session is over. Nor is a 200 whose end was lost.
    if (!response.ok || !body?.refreshToken || !body.accessToken) {
      const wait = response.headers.get('retry-after');
      throw new TryAgain(`the service answered ${response.status}${wait ? `; again in ${wait} s` : ''}`);
    }
    // If this process is killed here, the next presents the token of the file, and is given the same successor.
    const { accessToken } = body;
    await this.#write({ accessToken, refreshToken: body.refreshToken, expiresAt: expiryOf(accessToken) });
    return accessToken;
  }

  async #post(path, refreshToken) {
    // Not AbortSignal.timeout, whose timer keeps no process alive: Node 20 does not always say that a connection was closed,
    // and the tool would then end in the midst of it, with status 0.
    const impatience = new AbortController();
    const timer = setTimeout(() => impatience.abort(), this.#patience);
    try {
      return await fetch(new URL(path, this.#url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
        signal: impatience.signal,
      });
    } catch (error) {
      throw new TryAgain(`the service does not answer (${error.cause?.code ?? error.name})`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read() {
    let text;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') throw new SignedOut('nobody is signed in');
      throw new UnreadableFile(`${this.#file} cannot be read: ${error.code}`);
    }
    try {
      const { accessToken, refreshToken, expiresAt } = JSON.parse(text);
      if (typeof refreshToken === 'string') return { accessToken, refreshToken, expiresAt };
    } catch {
      // Said below.
    }
    throw new UnreadableFile(`${this.#file} is damaged; remove it and sign in again`);
  }

  /** In one step: whoever reads sees the old file or the new one, also after a power cut. */
  async #write(tokens) {
    const temporary = `${this.#file}.${process.pid}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(tokens));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#file);
    const folder = await open(dirname(this.#file));
    await folder.sync().finally(() => folder.close());
  }

  /** One process at a time. The lock of one that was killed is taken over after five seconds. */
  async #alone(work) {
    const folder = dirname(this.#file);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const release = await lock(this.#file, {
      realpath: false,
      stale: 5000,
      update: 1000,
      retries: { forever: true, maxRetryTime: 30_000, minTimeout: 20, maxTimeout: 200 },
      // A laptop that slept: another process has taken over. Two that refresh at once are given the same successor.
      onCompromised: () => undefined,
    }).catch((error) => {
      throw new TryAgain(`another process does not finish (${error.code})`);
    });
    try {
      return await work();
    } finally {
      await release().catch(() => undefined);
    }
  }
}

/** By this machine's clock, from how long the token lives: a clock that is wrong does no harm. */
function expiryOf(accessToken) {
  const { exp, iat } = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url'));
  return Date.now() + (exp - iat) * 1000;
}
