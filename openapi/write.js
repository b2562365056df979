// Writes the OpenAPI documents beside this file, from the built service; with --check, says which are not current. For a
// documentation site, `--server https://auth.example.com --to <folder>` says where the service is, and leaves these alone.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { createApp } from '../dist/app.js';
import { readConfig } from '../dist/config/environment.js';
import { CONTRACTS } from '../dist/contracts/registry.js';

const { values: options } = parseArgs({
  options: { check: { type: 'boolean' }, server: { type: 'string' }, to: { type: 'string' } },
});
if (options.server !== undefined && options.to === undefined) {
  console.error('Say with --to which folder the documents for that server go to: those here name none.');
  process.exit(1);
}
const folder = options.to === undefined ? import.meta.url : pathToFileURL(`${resolve(options.to)}/`);
if (options.to !== undefined) await mkdir(folder, { recursive: true });

const secret = 'never-used-to-mint-or-verify-anything';
// Never connected to: the documents come from the classes alone.
const environment = {
  DATABASE_URL: 'postgresql://localhost/none',
  REFRESH_TOKEN_KEYS: `1:${secret}`,
  SERVICE_KEYS: `none:${secret}`,
  LOG_LEVEL: 'error',
};
const documents = new Map();
for (const { name } of CONTRACTS) {
  const app = await createApp(readConfig({ ...environment, CONTRACTS: name }, CONTRACTS));
  for (const document of app.documents) documents.set(document.name, document);
}

let stale = 0;
for (const { name, document } of documents.values()) {
  const file = new URL(`${name}.json`, folder);
  if (options.server !== undefined) {
    const { origin, pathname } = new URL(options.server);
    document.servers = document.servers.map(({ url }) => ({
      url: (origin + pathname.replace(/\/$/, '') + url).replace(/\/$/, ''),
    }));
  }
  const text = await format(JSON.stringify(document), { parser: 'json', printWidth: 110 });
  if (!options.check) {
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    console.error(`openapi/${name}.json is not current. Run: npm run openapi`);
    stale += 1;
  }
}
process.exit(stale > 0 ? 1 : 0);
