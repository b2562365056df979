import { readFileSync } from 'node:fs';
import { EVERY_CONTRACT, mounted } from '../contracts/every-contract.ts';
import { useDatabase, useService } from '../support/use-service.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

describe('the home page', () => {
  const { service } = useService({ CONTRACTS: EVERY_CONTRACT });
  const get = (accept?: string): Promise<Response> =>
    fetch(service.url, { headers: accept === undefined ? {} : { accept } });

  test.each(['text/html', 'text/html,application/xhtml+xml,*/*;q=0.8', '*/*', 'image/png', undefined])(
    'is a page for whoever accepts %s',
    async (accept) => {
      const answer = await get(accept);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('vary')).toContain('accept');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
      const text = await answer.text();
      expect(text).toContain(`Ratchet <small>${version}</small>`);
      expect(text).toContain('<code>POST /watchr/auth/refresh</code>');
    },
  );

  test.each(['application/json', 'application/json, text/plain, */*', 'text/html;q=0.1, application/json'])(
    'is JSON for whoever accepts %s',
    async (accept) => {
      const answer = await get(accept);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      const { contracts, ...rest } = (await answer.json()) as { contracts: { name: string }[] };
      expect(rest).toMatchObject({ service: 'Ratchet', version });
      expect(contracts[0]).toEqual({
        name: 'plec',
        routes: ['POST /auth/refresh', 'POST /auth/logout'],
        document: '/docs/plec.json',
      });
      expect(contracts.map(({ name }) => name)).toEqual(mounted.map(({ name }) => name));
    },
  );

  test('links to nothing that is not there', async () => {
    const links = [...(await (await get()).text()).matchAll(/href="(\/[^"]*)"/g)].map(([, href]) => href!);
    const json = JSON.stringify(await (await get('application/json')).json());
    const paths = [...json.matchAll(/":"(\/[^"]*)"/g)].map(([, path]) => path!);
    expect(links.length + paths.length).toBeGreaterThan(15);
    for (const path of [...links, ...paths])
      expect([path, (await fetch(service.url + path)).status]).toEqual([path, 200]);
  });

  test('is a 404 to other methods', async () => {
    expect((await fetch(service.url, { method: 'POST' })).status).toBe(404);
    expect((await fetch(service.url, { method: 'HEAD' })).status).toBe(200);
  });
});

const { start } = useDatabase();

test('with DOCS=off there is none', async () => {
  const service = await start({ DOCS: 'off' });
  expect((await fetch(service.url)).status).toBe(404);
});
