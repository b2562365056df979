import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { BrowserEnvironment } from './environment.js';

/** What shows OpenAPI documents on other people's sites, beside Swagger UI: each a script, and how it is called. */
const RENDERERS = {
  Redoc: {
    script: 'redoc@2.5.4',
    file: 'bundles/redoc.standalone.js',
    show: (url) => `Redoc.init('${url}', { disableSearch: true }, document.getElementById('here'))`,
  },
  Scalar: {
    script: '@scalar/api-reference@1.46.4',
    file: 'dist/browser/standalone.js',
    // What it would load from its maker's servers, and tell them, is left out.
    show: (url) =>
      `Scalar.createApiReference('#here', { url: '${url}', withDefaultFonts: false, telemetry: false, defaultOpenAllTags: true })`,
  },
};

/**
 * Scalar holds documents against its own types while it still resolves their references, and finds fault with valid schemas:
 * with others if any property is left out. It draws them all the same; what they are held against is in openapi/lint.
 */
const isScalarsOwn = (text) => /^document validation errors|^\[Object/.test(text);

describe('the documents on a site elsewhere', { timeout: 180_000 }, () => {
  const environment = new BrowserEnvironment();
  const scripts = {};
  let service, browser, site, folder;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-renderers-'));
    for (const { script, file } of Object.values(RENDERERS)) scripts[script] = await fileOf(script, file);
    service = await environment.service();
    site = createServer(({ url }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://site');
      const renderer = RENDERERS[pathname.slice(1)];
      response.setHeader('content-type', renderer ? 'text/html' : 'text/javascript');
      if (!renderer) return response.end(scripts[decodeURIComponent(pathname.slice(1))]);
      const script = `<script src="/${encodeURIComponent(renderer.script)}"></script>`;
      const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="here"></div>${script}`;
      response.end(`${page}<script>${renderer.show(searchParams.get('document'))}</script>`);
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    browser = await environment.browser();
  });
  after(async () => {
    site?.closeAllConnections();
    site?.close();
    await environment.clear();
    await rm(folder, { recursive: true, force: true });
  });

  /** A file of a package, without what the package depends on: it is in the file. */
  async function fileOf(name, file) {
    const run = promisify(execFile);
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder, name]);
    await run('tar', ['xf', stdout.trim(), `package/${file}`], { cwd: folder });
    return readFile(join(folder, 'package', file));
  }

  // A playground is a part of its contract's document.
  const names = [
    'sessions',
    'plec',
    'plec.playground',
    'watchr',
    'nest-auth',
    'dynamosql',
    'akinon',
    'oauth',
  ];
  for (const renderer of Object.keys(RENDERERS)) {
    for (const name of names) {
      it(`${renderer} shows ${name}, each operation of it, without a complaint`, async () => {
        const address = `${service.url}/docs/${name}.json`;
        const { paths } = await (await fetch(address)).json();
        const complaints = [];
        const page = await browser.newPage();
        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('console', (message) => {
          if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
        });
        // Redoc's logo.
        await page.route(
          ({ hostname }) => hostname !== '127.0.0.1',
          (route) => route.fulfill({ body: '' }),
        );
        const { port } = site.address();
        await page.goto(`http://127.0.0.1:${port}/${renderer}?document=${encodeURIComponent(address)}`);
        for (const { summary } of Object.values(paths).flatMap((item) => Object.values(item)))
          await page
            .getByRole('heading', { name: summary.replaceAll('`', '') })
            .first()
            .waitFor();
        assert.deepEqual(
          complaints.filter((text) => !isScalarsOwn(text)),
          [],
        );
        await page.close();
      });
    }
  }
});
