import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { BrowserEnvironment } from './environment.js';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
/** Where screenshots go, if they are wanted: CONSOLE_SCREENSHOTS. */
const { CONSOLE_SCREENSHOTS: folder } = process.env;

describe('the console', { timeout: 180_000 }, () => {
  const environment = new BrowserEnvironment();
  let service, browser, sessions;

  before(async () => {
    service = await environment.service();
    browser = await environment.browser();
    sessions = [];
    for (let each = 0; each < 3; each++) sessions.push((await service.open('ada')).session.id);
  });
  after(() => environment.clear());

  async function signIn(page) {
    await page.goto(`${service.url}/console`);
    await page.getByLabel('Service key').fill(service.key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Find a person or a session' }).waitFor();
  }

  for (const colorScheme of ['light', 'dark'])
    for (const [name, viewport] of Object.entries({
      laptop: { width: 1280, height: 900 },
      telephone: { width: 390, height: 844 },
    }))
      it(`has nothing that axe complains of, nor the browser, and fits: ${colorScheme}, ${name}`, async () => {
        const context = await browser.newContext({ colorScheme, viewport, bypassCSP: false });
        const page = await context.newPage();
        const complaints = [];
        page.on('pageerror', (error) => complaints.push(error));
        page.on('console', (message) => {
          if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
        });
        const look = async (what) => {
          // By the debugger, which no policy of the page concerns.
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => globalThis.axe.run());
          assert.deepEqual(
            violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
            [],
            what,
          );
          assert.ok(
            (await page.evaluate(() => document.documentElement.scrollWidth)) <= viewport.width,
            what,
          );
          if (folder)
            await page.screenshot({ path: `${folder}/${what}-${colorScheme}-${name}.png`, fullPage: true });
        };
        await page.goto(`${service.url}/console`);
        await look('sign-in');
        await signIn(page);
        await look('start');
        await page.getByLabel('Subject').fill('ada');
        await page.getByRole('button', { name: 'Find' }).click();
        await page.getByRole('heading', { name: 'ada' }).waitFor();
        await look('person');
        await page.getByRole('link', { name: 'A device without a name' }).first().click();
        await page.getByRole('heading', { name: 'What happened' }).waitFor();
        await look('session');
        await page.getByRole('link', { name: 'End it' }).click();
        await look('question');
        await page.getByRole('link', { name: 'Inspect a token' }).click();
        await page.getByLabel('A refresh token').fill((await service.open('grace')).refreshToken);
        await page.getByRole('button', { name: 'Inspect' }).click();
        await page.getByText('It would be exchanged for a new one.').waitFor();
        await look('inspected');
        assert.deepEqual(complaints, []);
        await context.close();
      });

  it('does all of it without scripts', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await signIn(page);
    await page.getByLabel('Subject').fill('ada');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('3 live sessions').waitFor();
    await page.getByRole('link', { name: 'A device without a name' }).last().click();
    await page.getByText('Opened by').waitFor();
    await page.getByRole('link', { name: 'End all others' }).click();
    await page.getByRole('button', { name: 'End them' }).click();
    await page.getByText('All their sessions but that one are ended.').waitFor();
    const status = async (id) => (await service.session(id)).status;
    assert.deepEqual(await Promise.all(sessions.map(status)), ['active', 'revoked', 'revoked']);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Service key').waitFor();
    await page.goto(`${service.url}/console/subjects?subject=ada`);
    await page.getByLabel('Service key').waitFor();
    await context.close();
  });

  it('draws what happens while it is looked at', async () => {
    const page = await browser.newPage();
    await signIn(page);
    const { refreshToken } = await service.open('linus');
    const body = JSON.stringify({ refreshToken });
    const refreshed = await fetch(`${service.url}/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    assert.equal(refreshed.status, 200);
    await page.locator('figcaption', { hasText: /[1-9]\d* refreshes/ }).waitFor();
    await page.close();
  });

  it('takes no form from another site, though the browser is signed in', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page);
    const port = await environment.site();
    await page.goto(`http://somewhere.example:${port}`);
    await page.setContent(
      `<form method="post" action="${service.url}/console/end"><input name="session" value="${sessions[0]}"><button>x</button></form>`,
    );
    const answered = page.waitForResponse((response) => response.url().endsWith('/console/end'));
    await page.getByRole('button').click();
    assert.equal((await answered).status(), 403);
    assert.equal((await service.session(sessions[0])).status, 'active');
    await context.close();
  });
});
