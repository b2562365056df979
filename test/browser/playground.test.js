import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readJwt, BrowserEnvironment } from './environment.js';

describe('the documentation page', { timeout: 120_000 }, () => {
  const environment = new BrowserEnvironment();
  let service, browser, page;

  before(async () => {
    service = await environment.service();
    browser = await environment.browser();
  });
  after(() => environment.clear());

  beforeEach(async () => {
    page = await browser.newPage();
  });
  afterEach(() => page.close());

  /** Clicks Execute of the operation at a path and gives the exchange that it led to. */
  async function execute(path = '/auth/refresh') {
    const operation = page.locator('.opblock').filter({ has: page.locator(`[data-path="${path}"]`) });
    const button = operation.getByRole('button', { name: 'Execute' });
    // A document that was just picked takes the place of another, whose button must not be clicked.
    await button.waitFor();
    // Swagger UI shows a form a moment before it knows the form's values, and a machine may click in that moment.
    let response;
    let clicks = 0;
    while (!response && clicks < 10) {
      const answered = page.waitForResponse((each) => each.url().includes('/auth/refresh'), {
        timeout: 3_000,
      });
      await button.click();
      clicks += 1;
      response = await answered.catch(() => undefined);
    }
    assert.ok(response, `no request after ${clicks} clicks`);
    return { request: response.request(), response, headers: await response.allHeaders(), clicks };
  }

  /** The answer as the page shows it: waits until it shows this text. */
  const shownAnswer = (text) => page.locator('.live-responses-table').filter({ hasText: text });

  /** The documents that the selector at the top offers: the path of each. */
  const offered = () =>
    page.locator('.topbar select option').evaluateAll((options) => options.map((option) => option.value));

  it("a newcomer's first click on Execute answers 200", async () => {
    await page.goto(`${service.url}/docs`, { waitUntil: 'networkidle' });
    const { request, response, headers, clicks } = await execute();

    assert.equal(clicks, 1);
    assert.equal(response.status(), 200);
    assert.equal(new URL(request.url()).search, '?dryRun=true');
    assert.deepEqual(request.postDataJSON(), { refreshToken: 'abc123.def456' });
    assert.equal(headers['dry-run'], 'true');
    assert.equal(headers['set-cookie'], undefined);
    const { accessToken } = await response.json();
    assert.equal(readJwt(accessToken).header.typ, 'dry-run+jwt');
    await shownAnswer(accessToken).getByRole('cell', { name: '200', exact: true }).waitFor();
  });

  it('a newcomer at a laptop sees Execute without scrolling', async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(`${service.url}/docs`);
    const button = page.getByRole('button', { name: 'Execute' });
    await button.waitFor();
    const { y, height } = await button.boundingBox();
    assert.ok(y + height <= 900, `Execute ends ${y + height} pixels down`);
  });

  it('a reader behind a firewall gets the whole page from this service, and no complaint from the browser', async () => {
    const hosts = new Set();
    const complaints = [];
    page.on('request', (request) => hosts.add(new URL(request.url()).origin));
    page.on('websocket', (socket) => hosts.add(socket.url()));
    page.on('pageerror', (error) => complaints.push(error));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
    // A violation of the content security policy is an error on the console.
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });

    await page.goto(`${service.url}/docs`);
    await execute();
    for (const path of await offered()) {
      await page.locator('.topbar select').selectOption(path);
      await page.locator('.info').getByText(path).waitFor();
    }

    assert.deepEqual([...hosts], [service.url]);
    assert.deepEqual(complaints, []);
  });

  const refused = {
    'expired.def456': 'EXPIRED',
    'revoked.def456': 'REVOKED',
    'reused.def456': 'REUSED',
    'malformed.def456': 'MALFORMED_TOKEN',
  };
  for (const [token, code] of Object.entries(refused)) {
    it(`a newcomer who types the sample token ${token} is answered 401 ${code}`, async () => {
      await page.goto(`${service.url}/docs`);
      await page.locator('.info').getByText(token).waitFor();
      await page.locator('textarea').fill(JSON.stringify({ refreshToken: token }));
      const { request, response, headers } = await execute();

      assert.equal(response.status(), 401);
      assert.deepEqual(request.postDataJSON(), { refreshToken: token });
      assert.equal((await response.json()).code, code);
      assert.equal(headers['set-cookie'], undefined);
      await shownAnswer(`"${code}"`).getByRole('cell', { name: '401' }).waitFor();
    });
  }

  for (const [contract, path, status] of [
    ['nest-auth', '/auth/refresh-token', 200],
    ['dynamosql', '/v1/auth/refresh', 200],
    ['akinon', '/auth/refresh-token', 201],
  ]) {
    it(`a newcomer who picks the playground of ${contract} is answered ${status} at the first click`, async () => {
      await page.goto(`${service.url}/docs`);
      await page.locator('.topbar select').selectOption(`/docs/${contract}.playground.json`);
      await page.getByRole('heading', { name: contract }).waitFor();
      const { response, headers } = await execute(path);
      assert.equal(response.status(), status);
      assert.equal(headers['dry-run'], 'true');
    });
  }

  it('a reader picks any document of the service at the top and sees it', async () => {
    await page.goto(`${service.url}/docs`);
    const paths = await offered();
    const written = (await readdir('openapi')).filter((file) => file.endsWith('.json'));
    assert.equal(paths[0], '/docs/plec.playground.json');
    assert.deepEqual(new Set(paths), new Set(written.map((file) => `/docs/${file}`)));

    for (const path of [...paths.slice(1), paths[0]]) {
      const document = await (await fetch(service.url + path)).json();
      await page.locator('.topbar select').selectOption(path);
      await page.getByRole('heading', { name: document.info.title }).waitFor();
      const shown = await page
        .locator('.opblock-summary-path')
        .evaluateAll((all) => all.map((one) => one.dataset.path));
      assert.deepEqual(new Set(shown), new Set(Object.keys(document.paths)));
    }
    // Back at the playground it is as ready as it was.
    await page.getByRole('button', { name: 'Execute' }).waitFor();
  });
});
