import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { Mount } from '../contracts/contract.js';
import { playgroundOf } from './playground.js';

/** An OpenAPI document and the name of its file, without `.json`. */
export interface NamedDocument {
  readonly name: string;
  /** What a person picks it by. */
  readonly title: string;
  readonly document: OpenAPIObject;
}

/** All OpenAPI documents of the service, generated from its DTOs: two for each contract, and one of its own APIs. */
export function describeService(app: INestApplication, mounts: readonly Mount[]): NamedDocument[] {
  const everything = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  const contracts = mounts.flatMap((mount): NamedDocument[] => {
    const { about, name } = mount.definition;
    const service = withPaths(everything, (path) => path in mount.routes, about);
    const playground = playgroundOf(service);
    return [
      { name: `${name}.playground`, title: `${name}: playground (dry runs)`, document: playground },
      { name, title: name, document: service },
    ];
  });
  const own = withPaths(everything, (path) => !mounts.some((mount) => path in mount.routes), {
    title: 'Ratchet: sessions and keys',
    description: 'For login backends and support: sessions, and the keys that verify access tokens.',
    version: '1.0',
  });
  own.components!.securitySchemes = {
    serviceKey: { type: 'http', scheme: 'bearer', description: 'A service key' },
  };
  return [...contracts, { name: 'sessions', title: 'sessions and keys', document: own }];
}

/** The part of a document whose paths are wanted, with only the schemas that they use. */
function withPaths(
  whole: OpenAPIObject,
  wanted: (path: string) => boolean,
  about: Mount['definition']['about'],
): OpenAPIObject {
  const paths = Object.fromEntries(Object.entries(whole.paths).filter(([path]) => wanted(path)));
  const info = { ...about, contact: {} };
  return {
    openapi: whole.openapi,
    info,
    servers: [],
    tags: [],
    paths,
    components: { schemas: schemasUsed(paths, whole) },
  };
}

/** The schemas that `part` refers to, and those that these refer to. */
export function schemasUsed(
  part: unknown,
  whole: OpenAPIObject,
): NonNullable<OpenAPIObject['components']>['schemas'] & object {
  const all = whole.components?.schemas ?? {};
  const used = new Set<string>();
  const pending: unknown[] = [part];
  while (pending.length > 0) {
    for (const [, name] of JSON.stringify(pending.pop()).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (!used.has(name!)) pending.push(all[name!]);
      used.add(name!);
    }
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
}
