import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { ACCEPTED_SAMPLE, SAMPLE_SESSION_ID } from '../auth/sample-tokens.js';
import { pathOf } from '../http/mounted-apis.js';
import { definitionsOf } from './definitions.js';
import type { NamedDocument } from './documents.js';
import { serveHome } from './home.js';
import { inPage, type Samples } from './in-page.js';
import { STYLE } from './style.js';

/** Swagger UI has its scripts and styles from here, sets styles in place and draws images it has as text. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const SAMPLES: Samples = { token: ACCEPTED_SAMPLE, sessionId: SAMPLE_SESSION_ID };

/** What in-page.ts defines in the page. */
declare const page: {
  readonly keepKeys: object;
  openFirst(ui: unknown): void;
  send(request: unknown): unknown;
  receive(response: unknown): unknown;
};
declare const ui: unknown;
declare const SwaggerUIBundle: { readonly plugins: { DownloadUrl(system: unknown): object } };

/** An operation as Swagger UI has it sorted. */
interface SortedOperation {
  get(name: 'method'): string;
}

/**
 * Serves the home page, and Swagger UI at /docs, from its package: a page of one definition for each API. The documents are
 * beside it, as they are in `openapi/`, for pages elsewhere.
 */
export function serveDocs(app: NestFastifyApplication, documents: readonly NamedDocument[]): void {
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', ({ url }, reply, done) => {
    const path = pathOf(url);
    if (path === '/' || `${path}/`.startsWith('/docs/')) reply.headers(PAGE_HEADERS);
    done();
  });
  serveHome(server, documents);
  const definitions = definitionsOf(documents);
  const files = [
    ...documents.map(({ name, document }) => [`${name}.json`, document] as const),
    ...definitions.map(({ name, document }) => [`definitions/${name}.json`, document] as const),
  ];
  for (const [file, document] of files) {
    server.get(`/docs/${file}`, (_request, reply) => reply.type('application/json').send(document));
  }
  const script = `(${inPage.toString()})(${JSON.stringify(SAMPLES)});`;
  server.get('/docs/in-page.js', (_request, reply) => reply.type('text/javascript').send(script));
  SwaggerModule.setup('docs', app, () => definitions[0]!.document, {
    raw: false,
    explorer: true,
    customSiteTitle: 'Ratchet',
    customCss: STYLE,
    customJs: '/docs/in-page.js',
    swaggerOptions: {
      urls: definitions.map(({ name, title }) => ({ name: title, url: `/docs/definitions/${name}.json` })),
      tryItOutEnabled: true,
      docExpansion: 'list',
      // What ends things comes last: until then, each has a session and a client to be tried on.
      operationsSorter: (one: SortedOperation, other: SortedOperation) =>
        Number(one.get('method') === 'delete') - Number(other.get('method') === 'delete'),
      defaultModelsExpandDepth: 0,
      validatorUrl: null,
      // The first is what Nest has there.
      plugins: [(system: unknown) => SwaggerUIBundle.plugins.DownloadUrl(system), () => page.keepKeys],
      // Written into the page as text: what they call is in-page.ts's.
      onComplete: () => page.openFirst(ui),
      requestInterceptor: (request: unknown) => page.send(request),
      responseInterceptor: (response: unknown) => page.receive(response),
    },
  });
}
