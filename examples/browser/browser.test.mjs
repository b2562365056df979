import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { BrowserEnvironment } from '../../test/browser/environment.js';
import { startDatabase } from '../database-server.mjs';
import { openLink } from '../faulty-link.mjs';
import { freePort, startService } from '../start-service.mjs';
import { createApp } from './server.mjs';

const ISSUER = 'http://auth.example';
const AUDIENCE = 'http://api.example';
/** Refreshes a minute of one session. */
const LIMIT = 30;

describe('the page of the example', { timeout: 240_000 }, () => {
  const environment = new BrowserEnvironment();
  const seen = [];
  const denied = new Set();
  const cleanUps = [];
  let database, service, link, app, url, browser, context, page;

  before(async () => {
    database = await startDatabase();
    cleanUps.push(() => database.destroy());
    // The page's origin must be known to the service, and the service's to the page.
    const portOfPage = await freePort();
    url = `http://127.0.0.1:${portOfPage}`;
    service = await startService({
      DATABASE_URL: database.url,
      ALLOWED_ORIGINS: url,
      ISSUER,
      AUDIENCE,
      RATE_LIMIT_PER_SESSION: String(LIMIT),
      // As long as can be, so that a slow machine's retries are still within it.
      ROTATION_GRACE: '60s',
    });
    cleanUps.push(() => service.stop());
    link = await openLink(service.url);
    cleanUps.push(() => link.close());
    const accepts = (claims) => {
      seen.push(claims);
      return !denied.has(claims.jti);
    };
    const { serviceKey } = service;
    app = createApp({ ratchetUrl: link.url, serviceKey, issuer: ISSUER, audience: AUDIENCE, accepts });
    app.listen(portOfPage, '127.0.0.1');
    await once(app, 'listening');
    cleanUps.push(() => {
      app.closeAllConnections();
      app.close();
    });
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

  async function signIn(tab = page) {
    await tab.goto(url);
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.getByRole('heading', { name: 'Arrivals today' }).waitFor();
    await tab.getByText('1 of 1 answered').waitFor();
  }

  /** Another tab that has found the session by the cookie. */
  async function anotherTab() {
    const tab = await context.newPage();
    await tab.goto(url);
    await tab.getByText('1 of 1 answered').waitFor();
    return tab;
  }

  /** Reads what the page says next to its buttons: how many of its requests were answered. */
  async function ask(tab, times, how = 'Ask ten times at once') {
    await tab.getByRole('button', { name: how }).click();
    await tab.getByText(`${times} of ${times} answered`).waitFor();
  }

  /** From now on the API says 401 to every access token that it has seen. Gives the claims of the last. */
  function deny() {
    for (const { jti } of seen) denied.add(jti);
    return seen.at(-1);
  }

  /** The session as the service has it, without its many details. */
  async function session({ sid }) {
    const response = await call(`/sessions/${sid}`);
    const { status, generation, revokedBy } = await response.json();
    return { status, generation, ...(revokedBy && { revokedBy }) };
  }

  function call(path, options) {
    return fetch(service.url + path, {
      headers: { authorization: `Bearer ${service.serviceKey}` },
      ...options,
    });
  }

  const signInForm = (tab = page) => tab.getByRole('button', { name: 'Sign in' });
  const notes = (kind, tab = page) => tab.locator(`#notes [data-kind="${kind}"]`);
  const refreshes = async () => (await service.log()).filter(({ path }) => path === '/auth/refresh');
  const refreshesOf = async ({ sid }) => (await refreshes()).filter(({ sessionId }) => sessionId === sid);

  it('signs in with the cookie that the login backend passes on, and keeps no token where it lasts', async () => {
    await signIn();

    assert.equal(await page.locator('#name').textContent(), 'Ada Lovelace');
    const cookies = await context.cookies(`${link.url}/auth/refresh`);
    assert.deepEqual(
      cookies.map(({ name, httpOnly, path }) => ({ name, httpOnly, path })),
      [{ name: 'refresh_token', httpOnly: true, path: '/auth' }],
    );
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  });

  it('a stranger who leaves the password out is not taken for someone without one', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/login`, { method: 'POST', headers, body: '{"name":"nobody"}' });
    assert.equal(response.status, 403);
  });

  it('a wrong password signs nobody in', async () => {
    await page.goto(url);
    await page.getByLabel('Password').fill('byron');
    await signInForm().click();
    await page.getByText('Name or password is wrong.').waitFor();
    assert.deepEqual(await context.cookies(), []);
  });

  it('a reload goes on with the session', async () => {
    await signIn();
    await page.reload();
    await page.getByText('1 of 1 answered').waitFor();
    assert.equal(await notes('refreshed').count(), 1);
  });

  it('ten requests that are answered 401 at once make one refresh, and all succeed', async () => {
    await signIn();
    const claims = deny();

    await ask(page, 10);

    assert.equal(await notes('refused').count(), 10);
    assert.deepEqual(outcomes(await refreshesOf(claims)), ['rotate']);
    assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
  });

  it('an access token that is about to expire is renewed while it is still used; one that has expired, before', async () => {
    await page.clock.install();
    await signIn();
    const claims = seen.at(-1);

    await page.clock.fastForward('13:00');
    await ask(page, 10);
    await notes('refreshed').waitFor();
    assert.equal((await refreshesOf(claims)).length, 1);

    await ask(page, 1, 'Ask the API');
    await page.clock.fastForward('16:00');
    deny();
    await ask(page, 10);
    assert.equal((await refreshesOf(claims)).length, 2);
    assert.equal(await notes('refused').count(), 0);
  });

  it('what one tab has been given, the others have too', async () => {
    await signIn();
    const other = await anotherTab();
    const claims = deny();
    await ask(page, 10);
    const before = (await refreshesOf(claims)).length;
    await notes('heard', other).waitFor();

    await ask(other, 10);

    assert.equal((await refreshesOf(claims)).length, before);
    assert.equal(await notes('refused', other).count(), 0);
  });

  it('five tabs whose requests are all answered 401 at once are all served', async () => {
    await signIn();
    const tabs = [page, await anotherTab(), await anotherTab(), await anotherTab(), await anotherTab()];
    const claims = deny();
    const before = (await refreshesOf(claims)).length;

    await Promise.all(tabs.map((tab) => ask(tab, 10)));

    // Most take what another tab has got; a tab that has its turn before it is told asks for itself, to no harm.
    const asked = (await refreshesOf(claims)).length - before;
    assert.ok(asked >= 1 && asked <= 5, `${asked} refreshes`);
    assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
  });

  it('an answer that is lost after the service has rotated costs a moment, and lands in the same notch', async () => {
    await signIn();
    const claims = deny();
    const before = link.lost();
    // Twice, since a browser itself repeats a request if a connection that it had kept is gone.
    link.lose('/auth/refresh', 2);

    await ask(page, 10);

    assert.equal(link.lost() - before, 2);
    assert.ok((await notes('waiting').count()) >= 1);
    assert.deepEqual(outcomes(await refreshesOf(claims)).sort(), ['retry', 'retry', 'rotate']);
    assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
  });

  it('a 401 of a gateway in between signs nobody out', async () => {
    await signIn();
    const claims = deny();
    await page.route(
      `${link.url}/auth/refresh`,
      (route) =>
        route.fulfill({
          status: 401,
          headers: { 'access-control-allow-origin': url, 'access-control-allow-credentials': 'true' },
          body: '<h1>401 Authorization Required</h1>',
        }),
      { times: 1 },
    );
    await ask(page, 10);
    assert.deepEqual(await session(claims), { status: 'active', generation: 1 });
  });

  it('while the database is down nobody is signed out, and when it is back the page goes on by itself', async () => {
    await signIn();
    const claims = deny();
    await database.stop();
    try {
      await page.getByRole('button', { name: 'Ask ten times at once' }).click();
      await notes('waiting').first().waitFor();
      await notes('waiting').nth(1).waitFor();
    } finally {
      await database.resume();
    }
    await page.getByText('10 of 10 answered').waitFor();

    const refused = (await refreshes()).filter(({ status }) => status === 503);
    assert.ok(refused.length >= 2);
    const pauses = refused.slice(1).map(({ time }, at) => Date.parse(time) - Date.parse(refused[at].time));
    // Retry-After was a second; an answer took a moment, too.
    assert.ok(Math.min(...pauses) >= 900, `asked again after ${pauses} ms`);
    assert.equal(await signInForm().isVisible(), false);
    assert.equal((await session(claims)).status, 'active');
  });

  it('a page that is opened while the database is down says so, and neither signs out nor in', async () => {
    await signIn();
    await database.stop();
    const stranger = await browser.newContext();
    try {
      const tab = await context.newPage();
      await tab.goto(url);
      await tab.locator('#opening').getByText('The service answered 503; again in').waitFor();
      assert.equal(await signInForm(tab).isVisible(), false);

      const newcomer = await stranger.newPage();
      await newcomer.goto(url);
      await signInForm(newcomer).click();
      await newcomer.getByText('Nobody can sign in just now.').waitFor();

      await database.resume();
      await tab.getByText('1 of 1 answered').waitFor();
    } finally {
      await stranger.close();
      await database.resume();
    }
  });

  it('whoever refreshes too often is told when to ask again, does not before, and stays signed in', async () => {
    await signIn();
    const claims = deny();
    const status = await page.evaluate(
      async ([refresh, limit]) => {
        let answer;
        for (let asked = 0; asked <= limit; asked++)
          answer = await fetch(refresh, { method: 'POST', credentials: 'include' });
        return answer.status;
      },
      [`${link.url}/auth/refresh`, LIMIT],
    );
    assert.equal(status, 429);

    for (let asked = 0; asked < 5; asked++) {
      await page.getByRole('button', { name: 'Ask ten times at once' }).click();
      await page.getByText(/You stay signed in; please try again in \d+ seconds\./).waitFor();
    }

    // The page has asked once more than the limit's LIMIT + 1.
    assert.equal((await refreshesOf(claims)).length, LIMIT + 2);
    await page.reload();
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    assert.equal(await signInForm().isVisible(), false);
    assert.equal((await session(claims)).status, 'active');
  });

  it('whoever has no session any more comes to the sign-in form, in every tab', async () => {
    await signIn();
    const other = await anotherTab();
    const claims = deny();
    await call(`/sessions/${claims.sid}`, { method: 'DELETE' });

    await page.getByRole('button', { name: 'Ask ten times at once' }).click();

    await signInForm().waitFor();
    await signInForm(other).waitFor();
    assert.equal(await page.locator('#arrivals tr').count(), 0);
    await signInForm().click();
    await page.getByText('1 of 1 answered').waitFor();
    await other.getByText('1 of 1 answered').waitFor();
  });

  it('a logout in one tab ends the session and is seen in the others', async () => {
    await signIn();
    const other = await anotherTab();
    const claims = deny();

    await page.getByRole('button', { name: 'Sign out' }).click();

    await signInForm().waitFor();
    await signInForm(other).waitFor();
    assert.deepEqual(await session(claims), { status: 'revoked', generation: 1, revokedBy: 'logout' });
    assert.deepEqual(await context.cookies(), []);
  });

  it('a logout that the service cannot take does not look like one', async () => {
    await signIn();
    const claims = deny();
    await database.stop();
    try {
      await page.getByRole('button', { name: 'Sign out' }).click();
      await notes('waiting').first().waitFor();
      assert.equal(await signInForm().isVisible(), false);
    } finally {
      await database.resume();
    }
    await signInForm().waitFor();
    assert.equal((await session(claims)).revokedBy, 'logout');
  });
});

const outcomes = (lines) => lines.map(({ outcome }) => outcome);
