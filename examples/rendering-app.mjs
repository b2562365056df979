// What every app that renders on the server must do, whatever it is written with.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { BrowserEnvironment, readJwt } from '../test/browser/environment.js';
import { startDatabase } from './database-server.mjs';
import { openLink } from './faulty-link.mjs';
import { freePort, startService } from './start-service.mjs';

const ISSUER = 'http://auth.example';
const AUDIENCE = 'http://api.example';
/** Refreshes a minute of one session. */
const LIMIT = 20;
const JSON_BODY = { 'content-type': 'application/json' };
const ACCESS = '__Host-access_token';
const REFRESH = '__Host-refresh_token';

/**
 * Tests an app in Chromium, with the real service, a database that is stopped and a connection that is cut.
 *
 * @param folder where it is
 * @param build what npm is to do before it is started: the arguments of each call
 * @param start the arguments that Node is started with, for a port; and `env`, the environment, beside that of the service
 * @param ready what it prints when it listens
 * @param more tests of its own, which are given functions: `url`, its own; `startApp`, with other settings; `open`, a session
 */
export function testRenderingApp(
  name,
  { folder, build, start, env = () => ({}), ready, more = () => undefined },
) {
  describe(name, { timeout: 300_000 }, () => {
    const environment = new BrowserEnvironment();
    const cleanUps = [];
    let database, service, link, url, browser, context, page;

    before(async () => {
      for (const args of build) await promisify(execFile)('npm', args, { cwd: folder });
      database = await startDatabase();
      cleanUps.push(() => database.destroy());
      service = await startService({
        DATABASE_URL: database.url,
        ISSUER,
        AUDIENCE,
        // The renderer's address, so that its word on whom it renders for is believed.
        TRUST_PROXY: 'loopback',
        RATE_LIMIT_PER_SESSION: String(LIMIT),
        // As long as can be, so that a slow machine's retries are still within it.
        ROTATION_GRACE: '60s',
      });
      cleanUps.push(() => service.stop());
      link = await openLink(service.url);
      cleanUps.push(() => link.close());
      const app = await startApp();
      cleanUps.push(app.stop);
      url = app.url;
      browser = await environment.browser();
    });
    after(async () => {
      await environment.clear();
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
    });

    beforeEach(async () => {
      context = await browser.newContext();
      context.setDefaultTimeout(30_000);
      page = await context.newPage();
    });
    afterEach(() => context.close());

    async function startApp(settings = {}) {
      const port = await freePort();
      const child = spawn(process.execPath, start(port), {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          RATCHET_URL: link.url,
          SERVICE_KEY: service.serviceKey,
          ISSUER,
          AUDIENCE,
          ...env(port),
          ...settings,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (chunk) => {
        said += chunk;
        process.stderr.write(chunk);
      });
      const abandon = () => child.kill('SIGKILL');
      process.once('exit', abandon);
      await new Promise((resolve, reject) => {
        child.stdout.on('data', (chunk) => String(chunk).includes(ready) && resolve());
        child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${said}`)));
      });
      const stop = async () => {
        process.off('exit', abandon);
        if (child.exitCode !== null) return;
        child.kill('SIGTERM');
        await once(child, 'exit');
      };
      // Secure cookies are kept over plain HTTP from localhost.
      return { url: `http://localhost:${port}`, said: () => said, stop };
    }

    async function signIn(tab = page) {
      await tab.goto(`${url}/login`);
      await signInForm(tab).click();
      await dashboard(tab).waitFor();
      // Its links are prefetched, which would refresh, too, if it were still going on later.
      await tab.waitForLoadState('networkidle');
      const { claims } = readJwt((await cookie(ACCESS)).value);
      return claims;
    }

    const signInForm = (tab = page) => tab.getByRole('button', { name: 'Sign in' });
    const dashboard = (tab = page) => tab.getByText('Rendered for Ada Lovelace, with an access token');
    const unavailable = (tab = page) => tab.getByText('You stay signed in.');
    const cookie = async (name) => (await context.cookies(url)).find((candidate) => candidate.name === name);
    /** What a browser does when the access token has expired: its cookie lives no longer than it. */
    const expire = () => context.clearCookies({ name: ACCESS });

    const refreshesOf = async ({ sid }) =>
      (await service.log()).filter(({ path, sessionId }) => path === '/auth/refresh' && sessionId === sid);

    /** A session, as a login backend would open it; `accessToken` and `refreshToken`. */
    async function open(lifetimes = {}) {
      const body = JSON.stringify({ subject: 'ada', claims: { name: 'Ada Lovelace' }, lifetimes });
      return (await call('/sessions', { method: 'POST', body })).json();
    }

    async function session({ sid }) {
      const { status, generation, revokedBy } = await (await call(`/sessions/${sid}`)).json();
      return { status, generation, ...(revokedBy && { revokedBy }) };
    }

    function call(path, options) {
      return fetch(service.url + path, {
        headers: { authorization: `Bearer ${service.serviceKey}`, ...(options?.body && JSON_BODY) },
        ...options,
      });
    }

    it('signs in and renders on the server, without any script in the browser', async () => {
      const plain = await browser.newContext({ javaScriptEnabled: false });
      try {
        const tab = await plain.newPage();
        await tab.goto(url);
        await signInForm(tab).click();
        await dashboard(tab).waitFor();
        const kept = (await plain.cookies(url)).map(({ name, httpOnly, secure, sameSite, path }) => ({
          ...{ name, httpOnly, secure, sameSite, path },
        }));
        const how = { httpOnly: true, secure: true, sameSite: 'Lax', path: '/' };
        assert.deepEqual(
          kept.sort((one, other) => one.name.localeCompare(other.name)),
          [
            { name: ACCESS, ...how },
            { name: REFRESH, ...how },
          ],
        );
      } finally {
        await plain.close();
      }
    });

    it('an expired access token is renewed for the render and for the browser alike', async () => {
      const claims = await signIn();
      const old = await cookie(REFRESH);
      await context.setExtraHTTPHeaders({ 'x-forwarded-for': '203.0.113.7' });
      await expire();

      const response = await page.reload();

      assert.equal(response.status(), 200);
      assert.match(await response.text(), /Ada Lovelace/);
      assert.equal(response.headers()['cache-control'], 'private, no-store');
      assert.notEqual((await cookie(REFRESH)).value, old.value);
      assert.equal(readJwt((await cookie(ACCESS)).value).claims.sid, claims.sid);
      const [refresh] = await refreshesOf(claims);
      assert.deepEqual([refresh.outcome, refresh.address], ['rotate', '203.0.113.7']);
    });

    it('an access token that does not verify is as good as none', async () => {
      const claims = await signIn();
      const { value, ...rest } = await cookie(ACCESS);
      await context.addCookies([{ ...rest, value: value.replace(/\.[^.]*$/, '.AAAA') }]);
      await page.reload();
      await dashboard().waitFor();
      assert.equal((await refreshesOf(claims)).length, 1);
    });

    it('ten requests at once with an expired access token are all served, by one rotation', async () => {
      const claims = await signIn();
      await expire();

      const statuses = await page.evaluate(() => {
        const paths = ['/dashboard', '/dashboard/A1', '/dashboard/B4', '/api/me', '/api/me'];
        return Promise.all([...paths, ...paths].map((path) => fetch(path).then(({ status }) => status)));
      });

      assert.deepEqual(statuses, Array(10).fill(200));
      assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
      const outcomes = (await refreshesOf(claims)).map(({ outcome }) => outcome);
      // One rotates. Those that met it on this server share its call; those that came later get what it got.
      assert.equal(outcomes.filter((outcome) => outcome === 'rotate').length, 1);
      assert.equal(outcomes.filter((outcome) => outcome === 'retry').length, outcomes.length - 1);
      assert.ok(outcomes.length < 10, `${outcomes}`);
    });

    it('five tabs that are loaded at once with an expired access token are all served', async () => {
      const claims = await signIn();
      const tabs = [page];
      while (tabs.length < 5) tabs.push(await context.newPage());
      await expire();

      await Promise.all(tabs.map((tab) => tab.goto(`${url}/dashboard`)));

      for (const tab of tabs) await dashboard(tab).waitFor();
      assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
    });

    it('two who ask at once are not taken for each other', async () => {
      const people = [await open(), await open()];
      const asked = Array.from({ length: 10 }, (_, at) => people[at % 2]);
      const answers = await Promise.all(
        asked.map(async ({ refreshToken }) => {
          const headers = { cookie: `${REFRESH}=${refreshToken}` };
          return (await fetch(`${url}/api/me`, { headers })).json();
        }),
      );
      assert.deepEqual(
        answers.map(({ sid }) => sid),
        asked.map((opened) => opened.session.id),
      );
    });

    it('what is rendered for somebody is kept by no cache, be it renewed on the way or not', async () => {
      await signIn();
      const renderedAgain = async () => (await page.reload()).headers()['cache-control'];
      assert.match(await renderedAgain(), /^private,.*no-store/);
      await expire();
      assert.match(await renderedAgain(), /^private,.*no-store/);
    });

    it('an answer of the service that is lost is asked for again, in the same notch', async () => {
      const claims = await signIn();
      await expire();
      const before = link.lost();
      link.lose('/auth/refresh');

      assert.equal((await page.reload()).status(), 200);

      assert.equal(link.lost() - before, 1);
      assert.deepEqual(
        (await refreshesOf(claims)).map(({ outcome }) => outcome),
        ['rotate', 'retry'],
      );
      assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
    });

    it('a page that never arrived leaves the browser with its old cookie, which is good', async () => {
      const claims = await signIn();
      const old = await cookie(REFRESH);
      await expire();
      await page.reload();
      const missed = await cookie(REFRESH);
      await context.addCookies([old]);
      await expire();

      await page.reload();

      await dashboard().waitFor();
      assert.equal((await cookie(REFRESH)).value, missed.value);
      assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
    });

    it('while the database is down nobody is signed out, and the page comes back by itself', async () => {
      const claims = await signIn();
      const held = await cookie(REFRESH);
      await database.stop();
      try {
        // As long as the access token is good, nobody notices.
        await page.reload();
        await dashboard().waitFor();
        await expire();

        const response = await page.reload();
        assert.deepEqual([response.status(), response.headers()['retry-after']], [503, '1']);
        await unavailable().waitFor();
        assert.equal(page.url(), `${url}/dashboard`);
        const answer = await context.request.get(`${url}/api/me`);
        assert.deepEqual([answer.status(), answer.headers()['retry-after']], [503, '1']);
        assert.equal((await cookie(REFRESH)).value, held.value);
      } finally {
        await database.resume();
      }

      await dashboard().waitFor();
      assert.equal((await session(claims)).status, 'active');
    });

    it('a service that stops in the midst of an answer is not waited for for ever, and nobody is signed out', async () => {
      const claims = await signIn();
      const held = await cookie(REFRESH);
      await expire();
      link.answer('/auth/refresh', 'HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{"acc');

      const response = await page.reload();

      assert.deepEqual([response.status(), response.headers()['retry-after']], [503, '1']);
      assert.equal((await cookie(REFRESH)).value, held.value);
      await dashboard().waitFor();
      assert.equal((await session(claims)).status, 'active');
    });

    it('a 401 that does not say that the session is over signs nobody out', async () => {
      const claims = await signIn();
      await expire();
      for (const [body, status] of [
        ['Who are you?', 503],
        ['{"error":"login_required"}', 503],
        ['{"code":"WRONG_CLIENT","message":"The refresh token belongs to another client"}', 500],
      ]) {
        const head = `HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
        link.answer('/auth/refresh', head + body);
        const response = await context.request.get(`${url}/dashboard`);
        assert.deepEqual([response.status(), response.url()], [status, `${url}/dashboard`]);
        assert.equal(response.headersArray().filter(({ name }) => name === 'set-cookie').length, 0);
      }
      await page.reload();
      await dashboard().waitFor();
      assert.equal((await session(claims)).status, 'active');
    });

    it('an access token that soon expires is good enough while there is no other', async () => {
      const { session: opened, accessToken, refreshToken } = await open({ accessToken: 50 });
      const how = { domain: 'localhost', path: '/', secure: true };
      await context.addCookies([
        { name: ACCESS, value: accessToken, ...how },
        { name: REFRESH, value: refreshToken, ...how },
      ]);
      await database.stop();
      try {
        assert.equal((await page.goto(`${url}/dashboard`)).status(), 200);
      } finally {
        await database.resume();
      }
      await page.reload();
      assert.deepEqual(await session({ sid: opened.id }), { status: 'active', generation: 1 });
    });

    it('a click on a link while the database is down ends at that page, once it is back', async () => {
      await signIn();
      await expire();
      await database.stop();
      try {
        await page.getByRole('link', { name: 'Berth C1' }).click();
        await unavailable().waitFor();
      } finally {
        await database.resume();
      }
      await page.getByText('Santa Clara from Vigo').waitFor();
      assert.equal(page.url(), `${url}/dashboard/C1`);
    });

    it('whoever refreshes too often is told when it will be tried again, and stays signed in', async () => {
      const claims = await signIn();
      const { value: refreshToken } = await cookie(REFRESH);
      for (let asked = 0; asked < LIMIT; asked++) {
        await fetch(`${service.url}/auth/refresh`, {
          method: 'POST',
          headers: JSON_BODY,
          body: JSON.stringify({ refreshToken }),
        });
      }
      await expire();

      const response = await page.reload();

      const seconds = Number(response.headers()['retry-after']);
      assert.ok(response.status() === 503 && seconds > 1 && seconds <= 60, `${seconds}`);
      await page.getByText(`Trying again in ${seconds} seconds.`).waitFor();
      assert.equal(await page.locator('meta[http-equiv="refresh"]').getAttribute('content'), String(seconds));
      assert.equal((await cookie(REFRESH)).value, refreshToken);
      // The test has asked LIMIT times, the app once.
      assert.equal((await refreshesOf(claims)).length, LIMIT + 1);
      assert.equal((await session(claims)).status, 'active');
    });

    it('whoever has no session any more comes to the sign-in page', async () => {
      const claims = await signIn();
      await call(`/sessions/${claims.sid}`, { method: 'DELETE' });
      await expire();

      await page.reload();

      await signInForm().waitFor();
      await signIn();
    });

    it('a logout ends the session, clears the cookies and is seen in the other tabs', async () => {
      const claims = await signIn();
      const other = await context.newPage();
      await other.goto(`${url}/dashboard/A1`);
      // Refreshed on the way to the action: what that sets must not outlive what the action clears.
      await expire();

      await page.getByRole('button', { name: 'Sign out' }).click();

      await signInForm().waitFor();
      await signInForm(other).waitFor();
      assert.deepEqual(await context.cookies(url), []);
      assert.deepEqual(await session(claims), { status: 'revoked', generation: 1, revokedBy: 'logout' });
    });

    it('a logout that the service cannot take does not look like one', async () => {
      const claims = await signIn();
      await page.getByRole('link', { name: 'Berth C1' }).click();
      await page.getByText('Santa Clara from Vigo').waitFor();
      await page.waitForLoadState('networkidle');
      await expire();
      await database.stop();
      try {
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByText('You could not be signed out just now.').waitFor();
        assert.ok(await cookie(REFRESH));
      } finally {
        await database.resume();
      }
      await page.getByRole('button', { name: 'Sign out' }).click();
      await signInForm().waitFor();
      assert.equal((await session(claims)).revokedBy, 'logout');
    });

    more({ url: () => url, startApp, open });
  });
}
