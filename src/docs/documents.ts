import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { DocumentFacts, Mount } from '../contracts/contract.js';
import { defaultErrors } from '../http/errors/default-errors.js';
import { exemplifyFailures } from './failure-examples.js';
import { operationsOf, parametersOf } from './operations.js';
import { playgroundOf, withoutDryRuns } from './playground.js';
import { schemasUsed } from './schemas-used.js';

/** An OpenAPI document and the name of its file, without `.json`. */
export interface NamedDocument {
  readonly name: string;
  readonly document: OpenAPIObject;
  /** The contract that it is of; absent for the own APIs. */
  readonly mount?: Mount;
  /** Whether it shows dry runs alone, for a documentation elsewhere. */
  readonly isPlayground: boolean;
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
    if (mount.cookie) renameCookies(whole, mount.cookie.name);
    exemplifyFailures(whole, { ...facts, errors: mount.errors });
    const service = mount.dryRunPaths.length > 0 ? whole : withoutDryRuns(whole);
    const playground = playgroundOf(service);
    return [
      ...(playground
        ? [{ name: `${name}.playground`, document: playground, mount, isPlayground: true }]
        : []),
      { name, document: service, mount, isPlayground: false },
    ];
  });
  const isOwn = (path: string): boolean => OWN_ROUTES.test(path);
  const own = documentOf(everything, isOwn, OWN_FACTS);
  exemplifyFailures(own, { ...OWN_FACTS, errors: defaultErrors });
  const devices = documentOf(everything, (path) => DEVICES_ROUTES.test(path), DEVICES_FACTS);
  exemplifyFailures(devices, { ...DEVICES_FACTS, errors: defaultErrors });
  return [
    ...contracts,
    { name: 'sessions', document: own, isPlayground: false },
    { name: 'devices', document: devices, isPlayground: false },
  ];
}

/** A cookie's prefix, and perhaps its name, is a setting. */
function renameCookies(document: OpenAPIObject, name: string): void {
  for (const parameter of operationsOf(document).flatMap(parametersOf))
    if (parameter['in'] === 'cookie') parameter['name'] = name;
}

/** A contract's name; with the prefix, as in `plec.v2`, if it is mounted more than once. */
function nameOf({ definition, prefix }: Mount, mounts: readonly Mount[]): string {
  const once = mounts.filter((mount) => mount.definition === definition).length === 1;
  return once ? definition.name : definition.name + prefix.replaceAll('/', '.');
}

/** Named, so that a route which nobody has named lands in no document by accident. */
const OWN_ROUTES = /^\/(sessions|subjects|clients|\.well-known\/jwks\.json)(\/|$)/;

const OWN_FACTS: DocumentFacts = {
  openapi: '3.0.0',
  title: 'Ratchet: sessions and keys',
  description: 'For login backends and support: sessions, and the keys that verify access tokens.',
  version: '1.0',
  tags: [
    { name: 'Sessions', description: 'What a login backend opens, and support looks at and ends' },
    { name: 'Clients', description: 'Those of the contract `oauth`' },
    { name: 'Keys', description: 'What verifies access tokens' },
  ],
  flaw: { in: 'body', name: 'lifetime', message: 'lifetime is not known; did you mean lifetimes?' },
  securitySchemes: { serviceKey: { type: 'http', scheme: 'bearer', description: 'A service key' } },
};

const DEVICES_ROUTES = /^\/auth\/sessions(\/|$)/;

const DEVICES_FACTS: DocumentFacts = {
  openapi: '3.0.0',
  title: 'Ratchet: your devices',
  description: 'For the signed-in person, with an access token: their sessions, and to end them.',
  version: '1.0',
  tags: [{ name: 'Your devices', description: 'One’s own sessions' }],
  securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', description: 'An access token' } },
};

/** The part of a document whose paths are wanted, below `base`, with only the schemas that they use. */
function documentOf(
  whole: OpenAPIObject,
  wanted: (path: string) => boolean,
  { openapi, title, description, version, tags, security, securitySchemes }: DocumentFacts,
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
    tags: tags ?? [],
    security: security ?? [],
    paths,
    components: { schemas: schemasUsed(paths, whole), ...(securitySchemes && { securitySchemes }) },
  };
}
