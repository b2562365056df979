/* global getComputedStyle, Headers */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BrowserEnvironment } from '../../test/browser/environment.js';
import { startDatabase } from '../database-server.mjs';
import { openLink } from '../faulty-link.mjs';
import { freePort, startService } from '../start-service.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ISSUER = 'http://auth.example';
const AUDIENCE = 'http://api.example';
/** Refreshes a minute of one session. */
const LIMIT = 20;
const KEY = 'ratchet.refresh-token';

describe('an app', { timeout: 180_000 }, () => {
  const environment = new BrowserEnvironment();
  const cleanUps = [];
  let Session, database, service, link, url, browser, context, page;

  before(async () => {
    await promisify(execFile)('npm', ['run', 'check'], { cwd: HERE });
    Session = await loadModule();
    database = await startDatabase();
    cleanUps.push(() => database.destroy());
    const port = await freePort();
    url = `http://localhost:${port}`;
    service = await startService({
      DATABASE_URL: database.url,
      ISSUER,
      AUDIENCE,
      // An app on a telephone needs none: it is no page.
      ALLOWED_ORIGINS: url,
      RATE_LIMIT_PER_SESSION: String(LIMIT),
      ROTATION_GRACE: '60s',
    });
    cleanUps.push(() => service.stop());
    link = await openLink(service.url);
    cleanUps.push(() => link.close());
    await serve(port, await bundle());
    browser = await environment.browser();
  });
  after(async () => {
    await environment.clear();
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    context.setDefaultTimeout(30_000);
    page = await context.newPage();
  });
  afterEach(() => context.close());

  async function loadModule() {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({ entryPoints: [`${HERE}session.ts`], format: 'esm', write: false });
    return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)).Session;
  }

  /** The app as a script for a browser. */
  async function bundle() {
    const { build } = await import('esbuild');
    const settings = { ratchetUrl: link.url, backendUrl: url };
    const { outputFiles } = await build({
      absWorkingDir: HERE,
      entryPoints: ['web/main.tsx'],
      bundle: true,
      write: false,
      jsx: 'automatic',
      define: { 'process.env.NODE_ENV': '"production"' },
      alias: { 'react-native': 'react-native-web', 'expo-secure-store': './web/secure-store.ts' },
      plugins: [
        {
          name: 'where things are',
          setup({ onLoad }) {
            onLoad({ filter: /\/config\.ts$/ }, () => ({
              contents: `export const config = ${JSON.stringify(settings)}`,
            }));
          },
        },
      ],
    });
    return outputFiles[0].text;
  }

  /** The backend, and the page that has the app in it. */
  async function serve(port, script) {
    const { createBackend } = await import('./server.mjs');
    const page = `<!doctype html><meta charset="utf-8"><title>Harbour office</title><body><script src="/app.js"></script>`;
    const backend = createBackend({
      ratchetUrl: service.url,
      serviceKey: service.serviceKey,
      issuer: ISSUER,
      audience: AUDIENCE,
      otherwise(request, response) {
        const isScript = request.url === '/app.js';
        response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
        response.end(isScript ? script : page);
      },
    }).listen(port);
    await once(backend, 'listening');
    cleanUps.push(() => {
      backend.closeAllConnections();
      backend.close();
    });
  }

  const open = () =>
    call('/sessions', {
      method: 'POST',
      headers: { authorization: `Bearer ${service.serviceKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject: 'ada', claims: { name: 'Ada' } }),
    });

  /** The module alone, signed in, with a storage that a test can have fail. */
  async function phone({ patience } = {}) {
    const { refreshToken, session } = await open();
    const stored = new Map([[KEY, refreshToken]]);
    const storage = {
      getItemAsync: async (key) => stored.get(key) ?? null,
      setItemAsync: async (key, value) => void stored.set(key, value),
      deleteItemAsync: async (key) => void stored.delete(key),
    };
    return {
      session: new Session({ url: link.url, apis: [url], storage, patience }),
      stored,
      storage,
      id: session.id,
    };
  }

  const button = (name, tab = page) => tab.getByRole('button', { name });
  const dashboard = (tab = page) => tab.getByText('Signed in as Ada Lovelace');
  const arrivals = (tab = page) => tab.getByText('Santa Clara from Vigo');
  const kept = () => page.evaluate((key) => localStorage.getItem(key), KEY);
  const breakStorage = (how) => page.evaluate((value) => localStorage.setItem('broken', value), how);
  /** Has the system end the app and the user start it again: what was in memory is gone. */
  const restart = () => page.goto(url, { waitUntil: 'domcontentloaded' });

  /** Signs in; gives the id of the session. */
  async function signIn() {
    await restart();
    await button('Sign in').click();
    await arrivals().waitFor();
    await dashboard().waitFor();
    const { sessions } = await call('/sessions?subject=ada&limit=1');
    return sessions[0].id;
  }

  async function call(path, options) {
    const headers = { authorization: `Bearer ${service.serviceKey}` };
    const response = await fetch(service.url + path, { headers, ...options });
    return response.status === 204 ? undefined : response.json();
  }

  async function session(id) {
    const { status, generation, revokedBy } = await call(`/sessions/${id}`);
    return { status, generation, ...(revokedBy && { revokedBy }) };
  }

  const outcomesOf = async (id) =>
    (await service.log())
      .filter(({ path, sessionId }) => path === '/auth/refresh' && sessionId === id)
      .map(({ outcome }) => outcome);

  it('keeps the refresh token in secure storage, and nothing else anywhere', async () => {
    await signIn();
    const held = await page.evaluate(() => ({ ...localStorage }));
    assert.deepEqual(Object.keys(held), [KEY]);
    assert.match(held[KEY], /^rt1_/);
    assert.deepEqual(await context.cookies(), []);
  });

  it('makes one refresh, however many calls need it at once', async () => {
    const { session, id } = await phone();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => session.accessToken()));
    assert.equal(new Set(tokens).size, 1);
    assert.deepEqual(await outcomesOf(id), ['rotate']);
    // After a 401 of an API, however many calls it answers so.
    await Promise.all(Array.from({ length: 10 }, () => session.accessToken(tokens[0])));
    assert.equal((await outcomesOf(id)).length, 2);
    // And where no answer comes.
    const before = link.lost();
    link.lose('/auth/refresh', 10);
    const newest = await session.accessToken();
    const tried = await Promise.allSettled(Array.from({ length: 10 }, () => session.accessToken(newest)));
    link.lose('/auth/refresh', 0);
    assert.ok(tried.every(({ reason }) => reason?.name === 'Unavailable'));
    assert.equal(link.lost() - before, 1);
  });

  it('stores the new refresh token before the access token is used', async () => {
    const { session, stored, storage } = await phone();
    const before = stored.get(KEY);
    let isStored;
    const storing = new Promise((resolve) => {
      storage.setItemAsync = async (key, value) => {
        resolve();
        await new Promise((go) => (isStored = go));
        stored.set(key, value);
      };
    });
    let isGiven = false;
    const given = session.accessToken().then(() => (isGiven = true));
    await storing;
    assert.deepEqual([isGiven, session.claims, stored.get(KEY)], [false, undefined, before]);
    isStored();
    await given;
    assert.notEqual(stored.get(KEY), before);
  });

  it('never presents a token that it could not store, so that the stored one stays good', async () => {
    const { session, stored, storage, id } = await phone();
    const before = stored.get(KEY);
    storage.setItemAsync = () => Promise.reject(new Error('User interaction is not allowed'));
    const refused = await session.accessToken();
    await session.accessToken(refused);
    assert.equal(stored.get(KEY), before);
    assert.deepEqual(await outcomesOf(id), ['rotate', 'retry']);
  });

  it('whose storage is locked keeps what is in it', async () => {
    const { session, stored, storage } = await phone();
    const before = stored.get(KEY);
    const read = storage.getItemAsync;
    storage.getItemAsync = () => Promise.reject(new Error('User interaction is not allowed'));
    await assert.rejects(session.accessToken(), { name: 'Unavailable' });
    assert.equal(stored.get(KEY), before);
    storage.getItemAsync = read;
    await session.accessToken();
  });

  it('takes no 401 for the end but those of the service that say so', async () => {
    for (const body of ['Who are you?', '{"error":"login_required"}', 'null']) {
      const { session, stored } = await phone();
      const before = stored.get(KEY);
      const head = `HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
      link.answer('/auth/refresh', head + body);
      await assert.rejects(session.accessToken(), { name: 'Unavailable' });
      assert.equal(stored.get(KEY), before);
    }
  });

  it('waits for an answer that stops halfway, but not for ever', async () => {
    const { session, stored } = await phone({ patience: 500 });
    const before = stored.get(KEY);
    link.answer('/auth/refresh', 'HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{"acc');
    await assert.rejects(session.accessToken(), { name: 'Unavailable' });
    assert.equal(stored.get(KEY), before);
  });

  it('does not put back a session that a widget has signed out of, or in from, meanwhile', async () => {
    for (const next of [undefined, await open()]) {
      const { session, stored, storage } = await phone();
      const read = storage.getItemAsync;
      storage.getItemAsync = async (key) => {
        const token = await read(key);
        storage.getItemAsync = read;
        if (next) stored.set(KEY, next.refreshToken);
        else stored.delete(KEY);
        return token;
      };
      if (next) {
        await session.accessToken();
        assert.equal(session.claims.sid, next.session.id);
      } else {
        await assert.rejects(session.accessToken(), { name: 'SignedOut' });
        assert.equal(stored.size, 0);
      }
    }
  });

  it('gives its access token to its own APIs alone', async () => {
    const { session } = await phone();
    for (const stranger of [
      'https://stranger.example/',
      `${url}.stranger.example/`,
      `${url}@stranger.example/`,
    ])
      await assert.rejects(session.fetch(stranger), { name: 'TypeError', message: /is not to have/ });
    const response = await session.fetch(`${url}/api/arrivals`, { headers: new Headers({ accept: '*/*' }) });
    assert.equal(response.status, 200);
  });

  it('that is started again goes on', async () => {
    const id = await signIn();
    const before = await kept();
    await restart();
    await arrivals().waitFor();
    await page.getByText('A new access token').waitFor();
    assert.notEqual(await kept(), before);
    assert.deepEqual(await session(id), { status: 'active', generation: 1 });
    assert.deepEqual(await outcomesOf(id), ['rotate']);
  });

  it('that is killed between an answer and its storing goes on with the old token', async () => {
    const id = await signIn();
    const before = await kept();
    await breakStorage('hangs');
    const answered = page.waitForResponse((response) => response.url().endsWith('/auth/refresh'));
    await restart();
    assert.equal((await answered).status(), 200);
    await page.evaluate(() => localStorage.removeItem('broken'));
    assert.equal(await kept(), before);

    await restart();

    await arrivals().waitFor();
    assert.deepEqual(await outcomesOf(id), ['rotate', 'retry']);
    assert.deepEqual(await session(id), { status: 'active', generation: 1 });
  });

  it('whose storage does not take the token goes on with it, and stores it later', async () => {
    const id = await signIn();
    const before = await kept();
    await breakStorage('fails');
    await restart();
    await arrivals().waitFor();
    assert.equal(await kept(), before);
    await page.evaluate(() => localStorage.removeItem('broken'));
    await restart();
    await arrivals().waitFor();
    assert.notEqual(await kept(), before);
    assert.deepEqual(await session(id), { status: 'active', generation: 1 });
  });

  it('that is offline keeps the token, says so, and comes back by itself', async () => {
    const id = await signIn();
    const before = await kept();
    await page.route(`${link.url}/**`, (route) => route.abort('internetdisconnected'));
    await restart();
    await page.getByText('You stay signed in.').waitFor();
    assert.equal(await kept(), before);
    await page.unrouteAll();
    await arrivals().waitFor();
    assert.equal((await session(id)).status, 'active');
  });

  it('keeps the token while the database is down, and comes back by itself', async () => {
    const id = await signIn();
    const before = await kept();
    await database.stop();
    try {
      await restart();
      await page.getByText('You stay signed in.').waitFor();
      await page.getByText('The service answered 503; again in 1 s').first().waitFor();
      assert.equal(await kept(), before);
    } finally {
      await database.resume();
    }
    await arrivals().waitFor();
    assert.equal((await session(id)).status, 'active');
  });

  it('that refreshes too often keeps the token, and waits as long as it is told', async () => {
    const id = await signIn();
    const refreshToken = await kept();
    const body = JSON.stringify({ refreshToken });
    const headers = { 'content-type': 'application/json' };
    for (let asked = 0; asked < LIMIT; asked++)
      await fetch(`${service.url}/auth/refresh`, { method: 'POST', headers, body });
    const answered = page.waitForResponse((response) => response.url().endsWith('/auth/refresh'));
    await restart();
    const response = await answered;
    assert.equal(response.status(), 429);
    const seconds = Number(response.headers()['retry-after']);
    // Half a second may pass until it is shown.
    await page.getByText(new RegExp(`Trying again in (${seconds}|${seconds - 1}) s`)).waitFor();
    assert.equal(await kept(), refreshToken);
    assert.equal((await session(id)).status, 'active');
  });

  it('whose answer is lost asks again with the same token, and gets the same successor', async () => {
    const id = await signIn();
    const before = link.lost();
    link.lose('/auth/refresh');
    await restart();
    await arrivals().waitFor();
    assert.equal(link.lost() - before, 1);
    assert.deepEqual(await outcomesOf(id), ['rotate', 'retry']);
    assert.deepEqual(await session(id), { status: 'active', generation: 1 });
  });

  it('whose background task refreshes at the same time goes on, and so does the task', async () => {
    const id = await signIn();
    // Another instance with the same storage, as that of a widget or of a push notification.
    const task = await context.newPage();
    await Promise.all([restart(), task.goto(url)]);
    await arrivals().waitFor();
    await arrivals(task).waitFor();
    await restart();
    await arrivals().waitFor();
    assert.equal((await session(id)).status, 'active');
  });

  it('whose session was ended elsewhere asks to sign in, and forgets the token', async () => {
    const id = await signIn();
    await call(`/sessions/${id}`, { method: 'DELETE' });
    await restart();
    await button('Sign in').waitFor();
    assert.equal(await kept(), null);
  });

  it('signs out: the session is over, and the token gone', async () => {
    const id = await signIn();
    await button('Sign out').click();
    await button('Sign in').waitFor();
    assert.equal(await kept(), null);
    assert.deepEqual(await session(id), { status: 'revoked', generation: 0, revokedBy: 'logout' });
  });

  it('that signs out offline forgets the token, and says that the service could not be told', async () => {
    const id = await signIn();
    await page.route(`${link.url}/**`, (route) => route.abort('internetdisconnected'));
    await button('Sign out').click();
    await page.getByText('The service could not be told').waitFor();
    await button('Sign in').waitFor();
    assert.equal(await kept(), null);
    assert.equal((await session(id)).status, 'active');
  });

  it('is drawn for a dark telephone, too', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await signIn();
    const ground = await dashboard().evaluate(
      (element) => getComputedStyle(element.parentElement).backgroundColor,
    );
    assert.equal(ground, 'rgb(24, 33, 43)');
  });

  it('imports nothing that this test has replaced but expo-secure-store and react-native', async () => {
    const sources = await Promise.all(['App.tsx', 'session.ts'].map((file) => readFile(HERE + file, 'utf8')));
    const imported = sources.flatMap((source) =>
      [...source.matchAll(/from '([^']+)'/g)].map(([, name]) => name),
    );
    assert.deepEqual([...new Set(imported)].sort(), [
      './config',
      './session',
      'expo-secure-store',
      'react',
      'react-native',
    ]);
  });
});
