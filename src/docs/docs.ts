import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { NamedDocument } from './documents.js';

/** Serves Swagger UI at /docs, from its package, with the documents to pick from. The first is a playground. */
export function serveDocs(app: NestFastifyApplication, documents: readonly NamedDocument[]): void {
  const server = app.getHttpAdapter().getInstance();
  for (const { name, document } of documents) {
    server.get(`/docs/${name}.json`, (_request, reply) => reply.type('application/json').send(document));
  }
  SwaggerModule.setup('docs', app, () => documents[0]!.document, {
    raw: false,
    explorer: true,
    customSiteTitle: 'Ratchet',
    swaggerOptions: {
      urls: documents.map(({ name, title }) => ({ name: title, url: `/docs/${name}.json` })),
      tryItOutEnabled: true,
      docExpansion: 'full',
      defaultModelsExpandDepth: 0,
      validatorUrl: null,
    },
  });
}
