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
  // Those that lie in the folder of a contract, or may.
  routes: { '/auth/sessions': ['GET', 'DELETE'], '/auth/sessions/:id': ['DELETE'] },
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
      [...this.apis, OWN].find((api) => Object.hasOwn(api.routes, path)) ??
      this.apis.find((api) => path === api.folder || path.startsWith(`${api.folder}/`)) ??
      OWN
    );
  }

  /**
   * Tells a wrong method at a known path from a path that is not there, and either from a body that is wrong: what is said of
   * that would be about an API that nobody asked.
   */
  atRoute(request: FastifyRequest, refusal: HttpRefusal): HttpRefusal {
    const isMissing = refusal.reason === 'not_found' || (request.is404 && isOfBody(refusal));
    if (!isMissing) return refusal;
    const methods = this.at(request.url).routes[pathOf(request.url)];
    if (!methods || methods.includes(request.method)) return { reason: 'not_found' };
    return { reason: 'method_not_allowed', allow: methods.join(', ') };
  }
}

function isOfBody({ reason, flaws }: HttpRefusal): boolean {
  return reason === 'unsupported_media_type' || flaws?.[0]?.in === 'body';
}

/** The path of a request's URL, without the query. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
