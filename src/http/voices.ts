import type { FastifyRequest } from 'fastify';
import type { Failed, Words } from './failure.js';
import { ownWords } from './own-words.js';

/** An API that speaks for a folder of paths. */
export interface Voice {
  /** The contract's name in logs; absent for the service's own APIs. */
  readonly contract?: string;
  /** The folder, such as `/auth`; the words are spoken for whatever lies under it. */
  readonly folder: string;
  /** Its routes by path, with the methods of each. */
  readonly routes: Readonly<Record<string, readonly string[]>>;
  /** The media type of the bodies it reads. */
  readonly reads: 'application/json' | 'application/x-www-form-urlencoded';
  readonly words: Words;
}

const OWN: Voice = { folder: '/', routes: {}, reads: 'application/json', words: ownWords };

/** Knows which API's words to answer in, for a path that no controller was reached at. */
export class Voices {
  constructor(private readonly voices: readonly Voice[]) {}

  /** The voice of a request: of the route it was led to, however its URL spells that; else of its URL. */
  of({ routeOptions, url }: FastifyRequest): Voice {
    return this.at(routeOptions.url ?? url);
  }

  /** The voice of a request's URL: whose route it is, else whose folder it lies in, else the service's own. */
  at(url: string): Voice {
    const path = pathOf(url);
    return (
      this.voices.find((voice) => Object.hasOwn(voice.routes, path)) ??
      this.voices.find((voice) => path === voice.folder || path.startsWith(`${voice.folder}/`)) ??
      OWN
    );
  }

  /** Tells a wrong method at a known path from a path that is not there. */
  withMethods(request: FastifyRequest, failed: Failed): Failed {
    const methods = this.at(request.url).routes[pathOf(request.url)];
    if (failed.reason !== 'not_found' || !methods || methods.includes(request.method)) return failed;
    return { reason: 'method_not_allowed', allow: methods.join(', ') };
  }
}

/** The path of a request's URL, without the query. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
