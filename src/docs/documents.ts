import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { DocumentFacts, Mount } from '../contracts/contract.js';
import { defaultErrors } from '../http/errors/default-errors.js';
import { exemplifyFailures } from './failure-examples.js';
import { playgroundOf, withoutDryRuns } from './playground.js';
import { schemasUsed } from './schemas-used.js';

/** An OpenAPI document and the name of its file, without `.json`. */
export interface NamedDocument {
  readonly name: string;
  /** What a person picks it by. */
  readonly title: string;
  readonly document: OpenAPIObject;
}

/**
 * All OpenAPI documents of the service, generated from its DTOs: one for each contract, a playground's for those that
 * can be run dry, and one of the service's own APIs.
 */
export function describeService(app: INestApplication, mounts: readonly Mount[]): NamedDocument[] {
  const everything = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  const contracts = mounts.flatMap((mount): NamedDocument[] => {
    const { document: facts } = mount.definition;
    const name = nameOf(mount, mounts);
    const base = mount.prefix + (facts.base ?? '');
    const whole = documentOf(everything, (path) => path in mount.routes, facts, base);
    exemplifyFailures(whole, { ...facts, errors: mount.errors });
    const service = mount.dryRunPaths.length > 0 ? whole : withoutDryRuns(whole);
    const playground = playgroundOf(service);
    return [
      ...(playground
        ? [{ name: `${name}.playground`, title: `${name}: playground (dry runs)`, document: playground }]
        : []),
      { name, title: name, document: service },
    ];
  });
  const isOwn = (path: string): boolean => OWN_ROUTES.test(path);
  const own = documentOf(everything, isOwn, OWN_FACTS);
  exemplifyFailures(own, { ...OWN_FACTS, errors: defaultErrors });
  return [...contracts, { name: 'sessions', title: 'sessions and keys', document: own }];
}

/** A contract's name; with the prefix, as in `plec.v2`, if it is mounted more than once. */
function nameOf({ definition, prefix }: Mount, mounts: readonly Mount[]): string {
  const once = mounts.filter((mount) => mount.definition === definition).length === 1;
  return once ? definition.name : definition.name + prefix.replaceAll('/', '.');
}

/** Named, so that a route which nobody has named lands in no document by accident. */
const OWN_ROUTES = /^\/(sessions|clients|\.well-known\/jwks\.json)(\/|$)/;

const OWN_FACTS: DocumentFacts = {
  openapi: '3.0.0',
  title: 'Ratchet: sessions and keys',
  description: 'For login backends and support: sessions, and the keys that verify access tokens.',
  version: '1.0',
  flaw: { in: 'body', name: 'lifetime', message: 'lifetime is not known; did you mean lifetimes?' },
  securitySchemes: { serviceKey: { type: 'http', scheme: 'bearer', description: 'A service key' } },
};

/** The part of a document whose paths are wanted, below `base`, with only the schemas that they use. */
function documentOf(
  whole: OpenAPIObject,
  wanted: (path: string) => boolean,
  { openapi, title, description, version, security, securitySchemes }: DocumentFacts,
  base = '',
): OpenAPIObject {
  const entries = Object.entries(whole.paths).filter(([path]) => wanted(path));
  const paths = Object.fromEntries(
    entries.map(([path, item]) => [path.startsWith(base) ? path.slice(base.length) : path, item]),
  );
  return {
    openapi,
    info: { title, description, version, contact: {} },
    // Where the document was loaded from, unless who writes it down says where the service is.
    servers: [{ url: base || '/' }],
    tags: [],
    security: security ?? [],
    paths,
    components: { schemas: schemasUsed(paths, whole), ...(securitySchemes && { securitySchemes }) },
  };
}
