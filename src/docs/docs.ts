import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { NamedDocument } from './documents.js';

/** The service's name in place of Swagger's, no choice of one server, and less room for air: Execute is in sight when the page opens. */
const STYLE = `
  .swagger-ui .topbar { padding: 8px 0 }
  .swagger-ui .topbar-wrapper .link svg { display: none }
  .swagger-ui .topbar-wrapper .link::after { content: 'Ratchet'; color: #fff; font-size: 22px }
  .swagger-ui .information-container.wrapper { padding-top: 0; padding-bottom: 0 }
  .swagger-ui .info { margin: 20px 0 8px }
  .swagger-ui .scheme-container { margin: 0; padding: 8px 0; box-shadow: none; background: none }
  .swagger-ui .schemes-server-container { display: none }
  .swagger-ui .opblock-tag-section .opblock-description-wrapper { padding: 8px 20px }
  .swagger-ui .opblock-body .table-container { padding-top: 8px; padding-bottom: 8px }
  .swagger-ui textarea.body-param__text { min-height: 96px; height: 96px }
`;

/** Swagger UI has its scripts and styles from here, sets styles in place and draws images it has as text. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** Serves Swagger UI at /docs, from its package, with the documents to pick from. The first is a playground. */
export function serveDocs(app: NestFastifyApplication, documents: readonly NamedDocument[]): void {
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', ({ url }, reply, done) => {
    if (url === '/docs' || url.startsWith('/docs/')) reply.headers(PAGE_HEADERS);
    done();
  });
  for (const { name, document } of documents) {
    server.get(`/docs/${name}.json`, (_request, reply) => reply.type('application/json').send(document));
  }
  SwaggerModule.setup('docs', app, () => documents[0]!.document, {
    raw: false,
    explorer: true,
    customSiteTitle: 'Ratchet',
    customCss: STYLE,
    swaggerOptions: {
      urls: documents.map(({ name, title }) => ({ name: title, url: `/docs/${name}.json` })),
      tryItOutEnabled: true,
      docExpansion: 'list',
      onComplete: openOnlyOperation,
      defaultModelsExpandDepth: 0,
      validatorUrl: null,
    },
  });
}

/** As much of Swagger UI as openOnlyOperation uses. */
interface SwaggerUi {
  readonly specSelectors: {
    operations(): { toJS(): { operation: { tags: string[]; operationId: string } }[] };
  };
  readonly layoutActions: { show(place: string[], shown: boolean): void };
}

/**
 * Runs in the page, as text, whenever a document was loaded. A document of one operation, such as a playground, opens
 * ready to be tried; a longer one stays a list, since it would be a page of many screens.
 */
function openOnlyOperation(): void {
  const { ui } = globalThis as unknown as { ui: SwaggerUi };
  const [first, second] = ui.specSelectors.operations().toJS();
  if (first && !second) {
    ui.layoutActions.show(['operations', first.operation.tags[0]!, first.operation.operationId], true);
  }
}
