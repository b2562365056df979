import type { FastifyRequest } from 'fastify';
import { defaultErrors } from './errors/default-errors.js';
import type { ErrorFormat } from './errors/error-reply.js';
import type { HttpRefusal } from './errors/http-refusal.js';

/** An API that answers for a folder of paths. */
export interface MountedApi {
  /** The contract's name in logs; absent for the service's own APIs. */
  readonly contract?: string;
  /** The folder, such as `/auth`; its error format holds for whatever lies under it. */
  readonly folder: string;
  /** Its routes by path, with the methods of each. */
  readonly routes: Readonly<Record<string, readonly string[]>>;
  /** The media type of the bodies it reads. */
  readonly reads: 'application/json' | 'application/x-www-form-urlencoded';
  readonly errors: ErrorFormat;
  /** Those of its routes that can be run dry. */
  readonly dryRunPaths: readonly string[];
}

const OWN: MountedApi = {
  folder: '/',
  routes: {},
  reads: 'application/json',
  errors: defaultErrors,
  dryRunPaths: [],
};

/** Knows whose a path is, also where no controller was reached. */
export class MountedApis {
  constructor(private readonly apis: readonly MountedApi[]) {}

  /** The API of a request: of the route it was led to, however its URL spells that; else of its URL. */
  of({ routeOptions, url }: FastifyRequest): MountedApi {
    return this.at(routeOptions.url ?? url);
  }

  /** The API of a request's URL: whose route it is, else whose folder it lies in, else the service's own. */
  at(url: string): MountedApi {
    const path = pathOf(url);
    return (
      this.apis.find((api) => Object.hasOwn(api.routes, path)) ??
      this.apis.find((api) => path === api.folder || path.startsWith(`${api.folder}/`)) ??
      OWN
    );
  }

  /** Tells a wrong method at a known path from a path that is not there. */
  withMethods(request: FastifyRequest, refusal: HttpRefusal): HttpRefusal {
    const methods = this.at(request.url).routes[pathOf(request.url)];
    if (refusal.reason !== 'not_found' || !methods || methods.includes(request.method)) return refusal;
    return { reason: 'method_not_allowed', allow: methods.join(', ') };
  }
}

/** The path of a request's URL, without the query. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
