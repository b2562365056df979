import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testRenderingApp } from '../rendering-app.mjs';

testRenderingApp('a SvelteKit app that renders on the server', {
  folder: fileURLToPath(new URL('.', import.meta.url)),
  build: [
    ['run', 'check'],
    ['run', 'build'],
  ],
  start: () => ['build'],
  env: (port) => ({ PORT: String(port), ORIGIN: `http://localhost:${port}` }),
  ready: 'Listening',
  more({ url, startApp, open }) {
    it('gives who is signed out no data of a page, though the layout above it is not asked', async () => {
      const answer = await fetch(`${url()}/dashboard/A1/__data.json?x-sveltekit-invalidated=001`);
      assert.deepEqual(await answer.json(), { type: 'redirect', location: '/login' });
    });

    it('says so if its ISSUER is not that of the service', async () => {
      const app = await startApp({ ISSUER: 'http://other.example' });
      try {
        const { refreshToken } = await open();
        const headers = { cookie: `__Host-refresh_token=${refreshToken}` };
        const response = await fetch(`${app.url}/dashboard`, { headers, redirect: 'manual' });
        assert.equal(response.status, 500);
        assert.match(app.said(), /are ISSUER and AUDIENCE those of the service\?/);
      } finally {
        await app.stop();
      }
    });
  },
});
