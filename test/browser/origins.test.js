import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readJwt, BrowserEnvironment } from './environment.js';

describe('pages of other origins that were let in', { timeout: 120_000 }, () => {
  const environment = new BrowserEnvironment();
  let service, browser, context, page, opened;
  let playground, app, stranger;

  before(async () => {
    const port = await environment.site(async (request, response) => {
      if (request.url !== '/login') return;
      opened = await service.open();
      response.setHeader('set-cookie', opened.setCookie);
    });
    playground = `http://docs.example:${port}`;
    stranger = `http://shop.example:${port}`;
    app = `http://127.0.0.1:${port}`;
    service = await environment.service({ PLAYGROUND_ORIGINS: playground, ALLOWED_ORIGINS: app });
    browser = await environment.browser();
  });
  after(() => environment.clear());

  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
  });
  afterEach(() => context.close());

  /** Fetches from a page of `origin`; undefined if the browser does not let the page read the answer. */
  async function fetchFrom(origin, pathAndQuery, { refreshToken, ...options } = {}) {
    await page.goto(origin);
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ refreshToken }) };
    return page.evaluate(
      async ([url, how]) => {
        const response = await fetch(url, how).catch(() => undefined);
        if (!response) return undefined;
        return {
          status: response.status,
          dryRun: response.headers.get('dry-run'),
          body: await response.json(),
        };
      },
      [service.url + pathAndQuery, { method: 'POST', ...(refreshToken && json), ...options }],
    );
  }

  it('a reader of a documentation site elsewhere tries the sample tokens', async () => {
    const { status, dryRun, body } = await fetchFrom(playground, '/auth/refresh?dryRun=true', {
      refreshToken: 'abc123.def456',
    });
    assert.deepEqual({ status, dryRun }, { status: 200, dryRun: 'true' });
    assert.equal(readJwt(body.accessToken).header.typ, 'dry-run+jwt');

    const refused = await fetchFrom(playground, '/auth/refresh?dryRun=true', {
      refreshToken: 'revoked.def456',
    });
    assert.deepEqual([refused.status, refused.body.code], [401, 'REVOKED']);
  });

  it('a documentation site reads no answer without dryRun=true', async () => {
    const refreshToken = 'abc123.def456';
    for (const query of [
      '',
      '?dryRun=false',
      '?dryRun=true&dryRun=false',
      '?dryrun=true',
      '?x=dryRun=true',
    ]) {
      assert.equal(await fetchFrom(playground, `/auth/refresh${query}`, { refreshToken }), undefined, query);
    }
    // Neither with a request that needs no leave to be sent.
    assert.equal(await fetchFrom(playground, '/auth/refresh'), undefined);
  });

  it('a real token that was pasted into a documentation site is not spent', async () => {
    const { refreshToken, session } = await service.open();
    assert.equal(await fetchFrom(playground, '/auth/refresh', { refreshToken }), undefined);
    const tried = await fetchFrom(playground, '/auth/refresh?dryRun=true', { refreshToken });
    assert.equal(tried.status, 200);
    assert.deepEqual(await service.session(session.id), session);
  });

  it('a documentation site reads no answer if it sends cookies', async () => {
    const options = { refreshToken: 'abc123.def456', credentials: 'include' };
    assert.equal(await fetchFrom(playground, '/auth/refresh?dryRun=true', options), undefined);
  });

  it('a stranger reads no dry run either', async () => {
    const options = { refreshToken: 'abc123.def456' };
    assert.equal(await fetchFrom(stranger, '/auth/refresh?dryRun=true', options), undefined);
  });

  it('an app of ALLOWED_ORIGINS refreshes with the cookie', async () => {
    await page.goto(`${app}/login`);
    const { status, body } = await fetchFrom(app, '/auth/refresh', { credentials: 'include' });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['accessToken']);
    assert.equal(readJwt(body.accessToken).claims.sid, opened.session.id);
    const [cookie] = await context.cookies(`${service.url}/auth/refresh`);
    assert.notEqual(cookie.value, opened.refreshToken);
  });
});
