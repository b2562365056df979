import { negotiate } from '@fastify/accept-negotiator';
import type { FastifyInstance } from 'fastify';
import { versionOfService } from '../config/version.js';
import type { Mount } from '../contracts/contract.js';
import type { NamedDocument } from './documents.js';

/** What a service says of itself at its root. */
interface Home {
  readonly service: 'Ratchet';
  readonly version: string;
  readonly documentation: string;
  readonly keys: string;
  readonly health: string;
  readonly contracts: readonly { name: string; routes: readonly string[]; document: string }[];
}

/**
 * Serves GET /: what runs here, in which version, and where to go on. JSON for who prefers it to a page.
 */
export function serveHome(server: FastifyInstance, documents: readonly NamedDocument[]): void {
  const home: Home = {
    service: 'Ratchet',
    version: versionOfService(),
    documentation: '/docs',
    keys: '/.well-known/jwks.json',
    health: '/health/ready',
    contracts: documents.flatMap(({ name, mount, isPlayground }) =>
      mount && !isPlayground ? [{ name, routes: routesOf(mount), document: `/docs/${name}.json` }] : [],
    ),
  };
  const page = pageOf(home);
  server.get('/', ({ headers: { accept = '*/*' } }, reply) => {
    void reply.header('vary', 'accept');
    if (negotiate(accept, ['text/html', 'application/json']) === 'application/json') return reply.send(home);
    return reply.type('text/html; charset=utf-8').send(page);
  });
}

function routesOf({ routes }: Mount): string[] {
  return Object.entries(routes).map(([path, methods]) => `${methods.join(', ')} ${path}`);
}

function pageOf({ version, documentation, keys, health, contracts }: Home): string {
  const rows = contracts.map(
    ({ name, routes }) => `
      <tr>
        <th scope="row"><a href="${documentation}?urls.primaryName=${encodeURIComponent(name)}">${name}</a></th>
        <td>${routes.map((route) => `<code>${route}</code>`).join('<br>')}</td>
      </tr>`,
  );
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Ratchet</title>
    <link rel="icon" href="data:,">
    <style>${STYLE}</style>
  </head>
  <body>
    <main>
      <h1>Ratchet <small>${version}</small></h1>
      <p>A refresh-token service. Login backends open sessions here; frontends exchange refresh tokens for access tokens.</p>
      <p><a class="start" href="${documentation}">Try it in the documentation</a></p>
      <h2>Contracts at this service</h2>
      <table>${rows.join('')}
      </table>
      <h2>Also here</h2>
      <ul>
        <li><a href="${keys}">${keys}</a>: the keys that verify access tokens</li>
        <li><a href="${health}">${health}</a>: whether it is ready to serve</li>
      </ul>
    </main>
  </body>
</html>
`;
}

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { margin: 0; background: light-dark(#fafafa, #1c2022); color: light-dark(#1b1b1b, #e4e6e6) }
  main { max-width: 44rem; margin: 0 auto; padding: 3rem 1rem }
  h1 { margin: 0 } h1 small { font-size: 1rem; font-weight: 400; opacity: .7 } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem }
  a { color: light-dark(#1a5fb4, #78aeed) }
  .start { display: inline-block; padding: .6rem 1rem; border-radius: 6px; background: #1a5fb4; color: #fff; text-decoration: none }
  table { border-collapse: collapse; width: 100% }
  th, td { padding: .4rem .8rem .4rem 0; border-top: 1px solid light-dark(#ddd, #3a4145); text-align: left; vertical-align: top }
  th { font-weight: 400 } code { font-size: .9em; overflow-wrap: anywhere }
`;
