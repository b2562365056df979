import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readJwt, BrowserEnvironment } from './environment.js';

describe('the documentation page', { timeout: 180_000 }, () => {
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

  /** The definitions that the selector at the top offers: the path of each. */
  const offered = async () => {
    const options = page.locator('.topbar select option');
    await options.first().waitFor({ state: 'attached' });
    return options.evaluateAll((all) => all.map((option) => option.value));
  };

  /** Picks a definition at the top and waits until it is there. */
  async function pick(name) {
    const path = `/docs/definitions/${name}.json`;
    const definition = await (await fetch(service.url + path)).json();
    await page.locator('.topbar select').selectOption(path);
    await page.getByRole('heading', { name: definition.info.title }).waitFor();
    await page.locator('.opblock.is-open').getByRole('button', { name: 'Execute' }).first().waitFor();
    return definition;
  }

  async function openAt(name) {
    await page.goto(`${service.url}/docs`, { waitUntil: 'networkidle' });
    return pick(name);
  }

  /** Gives the page the service key, as a reader does. */
  async function authorize() {
    await page.locator('.auth-wrapper').getByRole('button', { name: 'Authorize' }).click();
    await page.locator('.auth-container input').fill(service.key);
    await page.getByRole('button', { name: 'Apply credentials' }).click();
    await page.locator('.btn-done').click();
  }

  /** Clicks Execute of an operation, once, after opening it if need be and filling in what is given; and the exchange. */
  async function execute({ operation = page.locator('.opblock').first(), body, field, choose } = {}) {
    if (!(await operation.evaluate((element) => element.classList.contains('is-open'))))
      await operation.locator('.opblock-summary-control').click();
    const button = operation.getByRole('button', { name: 'Execute' });
    await button.waitFor();
    // Swagger UI shows a form a moment before it knows the form's values, and a machine may type and click in that moment.
    await page.waitForLoadState('networkidle');
    if (body !== undefined) await operation.locator('textarea').fill(JSON.stringify(body));
    if (field !== undefined) await operation.locator('input[placeholder]').fill(field);
    if (choose !== undefined) await operation.locator('[data-param-name=dryRun] select').selectOption(choose);
    const answered = page.waitForResponse((each) => !new URL(each.url()).pathname.startsWith('/docs'));
    await button.click();
    const response = await answered;
    const text = await response.text().catch(() => '');
    return { request: response.request(), response, text, headers: await response.allHeaders() };
  }

  /** The answer as the page shows it: waits until it shows this text. */
  const shownAnswer = (text) => page.locator('.live-responses-table').filter({ hasText: text });

  it("a newcomer's first click on Execute of PLEC answers 200", async () => {
    await openAt('plec');
    const { request, response, headers } = await execute();

    assert.equal(response.status(), 200);
    assert.equal(new URL(request.url()).search, '?dryRun=true');
    assert.deepEqual(request.postDataJSON(), { refreshToken: 'abc123.def456' });
    assert.equal(headers['dry-run'], 'true');
    assert.equal(headers['set-cookie'], undefined);
    const { accessToken } = await response.json();
    assert.equal(readJwt(accessToken).header.typ, 'dry-run+jwt');
    await shownAnswer(accessToken).getByRole('cell', { name: '200', exact: true }).waitFor();
  });

  for (const [name, { width, height }] of [
    ['a laptop', { width: 1280, height: 900 }],
    ['a telephone', { width: 390, height: 1400 }],
  ]) {
    it(`a newcomer at ${name} sees Execute of each contract without scrolling, and nothing beside the screen`, async () => {
      await page.setViewportSize({ width, height });
      await page.goto(`${service.url}/docs`, { waitUntil: 'networkidle' });
      for (const contract of ['plec', 'watchr', 'nest-auth', 'dynamosql', 'akinon']) {
        await pick(contract);
        const button = page.getByRole('button', { name: 'Execute' });
        const box = await button.boundingBox();
        assert.ok(
          box.y + box.height <= height,
          `${contract}: Execute ends ${box.y + box.height} pixels down`,
        );
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, contract);
      }
    });
  }

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

    await page.goto(service.url);
    await page.getByRole('link', { name: 'documentation' }).click();
    await page.waitForLoadState('networkidle');
    await pick('plec');
    await execute();
    for (const path of await offered()) await pick(path.split('/').at(-1).replace('.json', ''));

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
      await openAt('plec');
      await page.locator('.info').getByText(token).waitFor();
      const { request, response, headers } = await execute({ body: { refreshToken: token } });

      assert.equal(response.status(), 401);
      assert.deepEqual(request.postDataJSON(), { refreshToken: token });
      assert.equal((await response.json()).code, code);
      assert.equal(headers['set-cookie'], undefined);
      await shownAnswer(`"${code}"`).getByRole('cell', { name: '401', exact: true }).waitFor();
    });
  }

  it('a reader of the home page goes on to the definition of a contract', async () => {
    await page.goto(service.url);
    await page.getByRole('link', { name: 'watchr' }).click();
    await page.getByRole('heading', { name: 'Ratchet: Watchr contract' }).waitFor();
    assert.equal(await page.locator('.topbar select').inputValue(), '/docs/definitions/watchr.json');
  });

  it('a reader picks any API of the service at the top, where to start first, and sees each operation once', async () => {
    await page.goto(`${service.url}/docs`, { waitUntil: 'networkidle' });
    const paths = await offered();
    const names = paths.map((path) => path.split('/').at(-1).replace('.json', ''));
    assert.deepEqual(names, [
      ...['sessions', 'plec', 'watchr', 'nest-auth', 'dynamosql', 'akinon', 'oauth'],
      'devices',
    ]);

    for (const name of [...names.slice(1), names[0]]) {
      const definition = await pick(name);
      const shown = await page
        .locator('.opblock-summary')
        .evaluateAll((all) =>
          all.map(
            (one) =>
              `${one.querySelector('.opblock-summary-method').textContent} ${one.querySelector('.opblock-summary-path').dataset.path}`,
          ),
        );
      const described = Object.entries(definition.paths).flatMap(([path, item]) =>
        Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
      );
      assert.deepEqual(shown.toSorted(), described.toSorted());
    }
    const tags = await page.locator('.opblock-tag').evaluateAll((all) => all.map((one) => one.dataset.tag));
    assert.deepEqual(tags, ['Sessions', 'Clients', 'Keys']);
    const choices = await page.locator('.info li a').evaluateAll((all) => all.map((one) => one.textContent));
    assert.deepEqual(choices, names.slice(1, -1));
  });

  it('the first click on Execute of every operation does something sensible', async (test) => {
    const expected = {
      sessions: [
        ['POST /sessions', 201, /"subject":"ada"/],
        ['GET /sessions', 200, /"sessions":\[\{"id"/],
        ['PATCH /sessions', 200, /"amended":1/],
        ['GET /sessions/{id}', 200, /"subject":"ada"/],
        ['PATCH /sessions/{id}', 200, /"role":"admin"/],
        ['POST /sessions/inspect', 200, /"outcome":"rotate"/],
        ['GET /sessions/{id}/history', 200, /"kind":"amended"/],
        ['GET /subjects/{subject}/history', 200, /"kind":"opened"/],
        ['POST /clients', 201, /"secret"/],
        ['GET /clients', 200, /"id":"web"/],
        ['GET /clients/{id}', 200, /"id":"web"/],
        ['PATCH /clients/{id}', 200, /"name":"Web app"/],
        ['POST /clients/{id}/secrets', 201, /"secret"/],
        ['GET /.well-known/jwks.json', 200, /"keys":\[\{/],
      ],
      devices: [
        ['GET /auth/sessions', 200, /"current":true/],
        ['DELETE /auth/sessions', 200, /"revoked":0/],
        ['DELETE /auth/sessions/{id}', 204, /^$/],
      ],
      plec: [
        ['POST /auth/refresh', 200, /"accessToken"/],
        ['POST /auth/logout', 204, /^$/],
      ],
      watchr: [['POST /auth/refresh', 200, /"access_token"/]],
      'nest-auth': [['POST /auth/refresh-token', 200, /"accessToken"/]],
      dynamosql: [['POST /v1/auth/refresh', 200, /"success":true/]],
      akinon: [['POST /auth/refresh-token', 201, /"accessToken"/]],
      oauth: [
        ['POST /oauth/token', 200, /"access_token"/],
        ['POST /oauth/introspect', 200, /"active":true/],
        ['POST /oauth/revoke', 200, /^$/],
        ['GET /.well-known/oauth-authorization-server', 200, /"issuer"/],
      ],
    };
    // What ends something comes last, as on the page.
    const expectedLast = [
      ['DELETE /sessions', 200, /"revoked":\d/],
      ['DELETE /sessions/{id}', 204, /^$/],
      ['DELETE /subjects/{subject}', 200, /"complete":true/],
      ['DELETE /clients/{id}', 204, /^$/],
      ['DELETE /clients/{id}/secrets/previous', 204, /^$/],
    ];

    async function click([name, status, shown]) {
      const [method, path] = name.split(' ');
      const operation = page
        .locator(`.opblock-${method.toLowerCase()}`)
        .filter({ has: page.locator(`[data-path="${path}"]`) });
      const { response, text } = await execute({ operation });
      test.diagnostic(`${name}: ${response.status()} ${text.slice(0, 80)}`);
      assert.equal(response.status(), status, `${name}: ${text}`);
      assert.match(text, shown, name);
    }

    await page.goto(`${service.url}/docs`, { waitUntil: 'networkidle' });
    await authorize();
    let clicks = 0;
    for (const [name, operations] of Object.entries(expected)) {
      // A client refreshes sessions of its own.
      if (name === 'oauth') {
        await pick('sessions');
        await execute({ body: { subject: 'ada', clientId: 'web' } });
      }
      await pick(name);
      for (const operation of operations) await click(operation);
      clicks += operations.length;
    }
    await pick('sessions');
    for (const operation of expectedLast) await click(operation);

    const documents = await Promise.all(
      (await offered()).map(async (path) => (await fetch(service.url + path)).json()),
    );
    const all = documents.flatMap(({ paths }) => Object.values(paths).flatMap((item) => Object.keys(item)));
    assert.equal(clicks + expectedLast.length, all.length);
  });

  it('a reader without a key is told what is lacking, and asked by no window of the browser', async () => {
    await openAt('oauth');
    const { response, text } = await execute();
    assert.equal(response.status(), 401);
    assert.match(text, /invalid_client/);
    await pick('sessions');
    assert.match((await execute()).text, /Send a service key/);
  });

  it('a reader of Watchr tries other sample tokens, and a real refresh, and keeps a cookie that is really theirs', async () => {
    const cookies = async () => (await page.context().cookies()).map(({ name, value }) => [name, value]);
    await openAt('watchr');
    const expired = await execute({ field: 'expired.def456' });
    assert.equal(expired.response.status(), 401);
    assert.match(expired.text, /expired/);
    assert.deepEqual(await cookies(), []);

    // One that a server has set, which scripts can neither read nor replace.
    const { refreshToken } = await service.open();
    const real = { name: 'refresh_token', value: refreshToken, httpOnly: true, sameSite: 'Strict' };
    await page.context().addCookies([{ ...real, domain: '127.0.0.1', path: '/watchr/auth' }]);
    assert.equal((await execute({ field: 'abc123.def456' })).response.status(), 200);
    assert.deepEqual(await cookies(), [['refresh_token', refreshToken]]);

    const refreshed = await execute({ choose: 'false' });
    assert.equal(refreshed.response.status(), 200);
    assert.equal(refreshed.headers['dry-run'], undefined);
    const [[, rotated]] = await cookies();
    assert.notEqual(rotated, refreshToken);
    assert.match(rotated, /^rt1_/);
    await page.context().clearCookies();
  });
});
