import { at, readDocument, schemasOf, type Json } from '../as-published.ts';

const PATH = '/auth/refresh-token';

/** What of a document is to be compared: ours names no request bodies and responses, so references are resolved. */
export function essence(document: Json): Json {
  const { openapi, security, paths, components } = document;
  return {
    openapi,
    security,
    paths: resolved(paths, document),
    components: {
      securitySchemes: at(components, 'securitySchemes'),
      schemas: { UnauthorizedError: at(components, 'schemas', 'UnauthorizedError') },
    },
  };
}

/** The published document. */
export const published = readDocument('test/contracts/published/akinon.json');

const statuses = Object.keys(at(published, 'paths', PATH, 'post', 'responses') as Json);
const flawsOf = schemasOf(essence(published), PATH);

/** Holds a body against the published schema of its status; one of no published status against that of the 401. */
export function expectAsPublished(status: number, body: unknown): void {
  const known = statuses.includes(String(status)) ? String(status) : '401';
  expect(flawsOf(known, body)).toEqual([]);
}

function resolved(part: unknown, document: Json): unknown {
  if (Array.isArray(part)) return part.map((inner) => resolved(inner, document));
  if (typeof part !== 'object' || part === null) return part;
  const { $ref } = part as { $ref?: string };
  if ($ref !== undefined) return resolved(at(document, ...$ref.split('/').slice(1)), document);
  return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, resolved(inner, document)]));
}
