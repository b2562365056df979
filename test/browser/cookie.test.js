import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readJwt, BrowserEnvironment } from './environment.js';

describe('a refresh token in the cookie of a browser', { timeout: 120_000 }, () => {
  const environment = new BrowserEnvironment();
  let service, browser, neighbour, foreigner;
  let context, page, opened;

  before(async () => {
    // As long as can be, so that a slow machine is no thief.
    service = await environment.service({ ROTATION_GRACE: '60s' });
    browser = await environment.browser();
    // A login backend: it opens a session and hands the cookie over to the browser.
    const port = await environment.site(async (request, response) => {
      if (request.url !== '/login') return;
      opened = await service.open();
      response.setHeader('set-cookie', opened.setCookie);
    });
    // Cookies know no ports: this one gets the cookie sent along, even though it is SameSite=Strict.
    neighbour = `http://127.0.0.1:${port}`;
    foreigner = `http://shop.example:${port}`;
  });
  after(() => environment.clear());

  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(`${neighbour}/login`);
    await page.goto(`${service.url}/docs`);
  });
  afterEach(() => context.close());

  /** The cookie in the browser's jar. */
  async function cookie() {
    const cookies = await context.cookies(`${service.url}/auth/refresh`);
    assert.deepEqual(
      cookies.map(({ name }) => name),
      ['refresh_token'],
    );
    return cookies[0];
  }

  /** Refreshes as a frontend on this page would, `times` at once; each answer's status and body. */
  function refresh(tab, times = 1) {
    return tab.evaluate((length) => {
      const one = async () => {
        const response = await fetch('/auth/refresh', { method: 'POST' });
        return { status: response.status, body: await response.json() };
      };
      return Promise.all(Array.from({ length }, one));
    }, times);
  }

  it('a frontend refreshes with the cookie and gets to see only the access token', async () => {
    const [{ status, body }] = await refresh(page);

    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['accessToken']);
    assert.equal(readJwt(body.accessToken).claims.sid, opened.session.id);
    const { value, httpOnly, sameSite, path, expires } = await cookie();
    assert.match(value, /^rt1_/);
    assert.notEqual(value, opened.refreshToken);
    assert.deepEqual({ httpOnly, sameSite, path }, { httpOnly: true, sameSite: 'Strict', path: '/auth' });
    assert.ok(expires > Date.now() / 1000, 'it outlives the browser window');
  });

  it('two tabs that refresh at once are all served, by one rotation', async () => {
    const other = await context.newPage();
    await other.goto(`${service.url}/docs`);

    const answers = (await Promise.all([refresh(page, 5), refresh(other, 5)])).flat();

    assert.deepEqual(
      answers.map(({ status }) => status),
      Array(10).fill(200),
    );
    const sessions = new Set(answers.map(({ body }) => readJwt(body.accessToken).claims.sid));
    assert.deepEqual([...sessions], [opened.session.id]);
    assert.notEqual((await cookie()).value, opened.refreshToken);
    assert.equal((await refresh(other))[0].status, 200);
    const { status, generation } = await service.session(opened.session.id);
    assert.deepEqual({ status, generation }, { status: 'active', generation: 1 });
  });

  it('a browser that missed the answer asks again with its old cookie and is served', async () => {
    const old = await cookie();
    await refresh(page);
    const missed = await cookie();
    await context.addCookies([old]);

    assert.equal((await refresh(page))[0].status, 200);
    assert.equal((await cookie()).value, missed.value);
  });

  it('a logout ends the session and takes the cookie out of the browser', async () => {
    assert.equal(
      await page.evaluate(async () => (await fetch('/auth/logout', { method: 'POST' })).status),
      204,
    );
    assert.deepEqual(await context.cookies(`${service.url}/auth/refresh`), []);
    assert.equal((await service.session(opened.session.id)).revokedBy, 'logout');
  });

  const fetches = {
    'a fetch that would read the answer': {},
    'a fetch that wants no answer': { mode: 'no-cors' },
    'a JSON fetch': { headers: { 'content-type': 'application/json' }, body: '{}' },
  };
  const forms = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];

  // The neighbour's form brings the cookie. The foreigner's comes without it, and no form speaks JSON: one that has no body
  // is a request without a token.
  for (const [who, originOf, answerToForms] of [
    ['a page of the same host on another port', () => neighbour, () => 403],
    [
      'a page of a foreign site',
      () => foreigner,
      (enctype, url) => (enctype === 'multipart/form-data' ? 415 : url.endsWith('/logout') ? 204 : 401),
    ],
  ]) {
    it(`${who} can neither use the cookie, nor take it away, nor end the session`, async () => {
      const before = { cookie: await cookie(), session: await service.session(opened.session.id) };

      for (const url of ['/auth/refresh', '/auth/logout'].map((path) => service.url + path)) {
        for (const [how, options] of Object.entries(fetches)) {
          assert.equal(await fetchFrom(originOf(), url, options), 'unreadable', `${how} to ${url}`);
        }
        for (const enctype of forms) {
          const status = await submitForm(originOf(), url, enctype);
          assert.equal(status, answerToForms(enctype, url), `${enctype} to ${url}`);
        }
      }

      const after = { cookie: await cookie(), session: await service.session(opened.session.id) };
      assert.deepEqual(after, before);
      await page.goto(`${service.url}/docs`);
      assert.equal((await refresh(page))[0].status, 200);
    });
  }

  /** Posts with cookies from a page of `origin`, and says what the browser lets the page know. */
  async function fetchFrom(origin, url, options) {
    await page.goto(origin);
    return page.evaluate(
      ([to, how]) =>
        fetch(to, { method: 'POST', credentials: 'include', ...how }).then(
          (response) => `${response.type} ${response.status}`,
          () => 'unreadable',
        ),
      [url, options],
    );
  }

  /** Leaves a page of `origin` by an empty form, as a click on a prepared button does; the answer's status. */
  async function submitForm(origin, url, enctype) {
    await page.goto(origin);
    const answered = page.waitForResponse(url);
    await page.evaluate(
      ([action, type]) => {
        const form = document.createElement('form');
        Object.assign(form, { action, method: 'post', enctype: type });
        document.body.append(form);
        form.submit();
      },
      [url, enctype],
    );
    const status = (await answered).status();
    // With no content there is nothing to go to.
    if (status !== 204) await page.waitForURL(url);
    return status;
  }
});

describe('a browser with the cookie from before COOKIE_DOMAIN was set', { timeout: 120_000 }, () => {
  const environment = new BrowserEnvironment();
  // Secure cookies are kept without HTTPS from these alone.
  const host = 'auth.app.localhost';
  after(() => environment.clear());

  it('goes on with its session, and loses the old cookie once it has the new one', async () => {
    const service = await environment.service({ ROTATION_GRACE: '60s', COOKIE_DOMAIN: 'app.localhost' });
    const { setCookie, session } = await service.open();
    const port = await environment.site((_request, response) => {
      response.setHeader('set-cookie', setCookie.replace('; Domain=app.localhost', ''));
    });
    const context = await (await environment.browser()).newContext();
    const page = await context.newPage();
    await page.goto(`http://${host}:${port}/login`);
    await page.goto(`${service.url.replace(/\/\/[^:]*/, `//${host}`)}/docs`);
    const domains = async () => (await context.cookies()).map(({ domain }) => domain).sort();
    const refresh = () =>
      page.evaluate(() => fetch('/auth/refresh', { method: 'POST' }).then(({ status }) => status));

    assert.deepEqual(await domains(), [host]);
    assert.equal(await refresh(), 200);
    assert.deepEqual(await domains(), ['.app.localhost', host]);
    assert.equal(await refresh(), 200);
    assert.deepEqual(await domains(), ['.app.localhost']);
    assert.equal(await refresh(), 200);
    assert.deepEqual((await service.session(session.id)).status, 'active');
  });
});
