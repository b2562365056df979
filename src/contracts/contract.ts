import type { Provider, Type } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { Config, ContractMount } from '../config/config.js';
import type { Words } from '../http/failure.js';
import { RefreshCookie } from '../http/refresh-cookie.js';
import type { Voice } from '../http/voices.js';

/** One wire API over the engine: a folder here that exports one of these, and a line in registry.ts. */
export interface Contract {
  /** As CONTRACTS names it. */
  readonly name: string;
  /** The folder of its routes, such as `/auth`: its words are spoken, and its cookies sent, for what lies under it. */
  readonly folder: string;
  /** Its routes, such as `/auth/refresh`, and the method of each. */
  readonly routes: Readonly<Record<string, 'GET' | 'POST'>>;
  /** The route that knows `dryRun`; absent if none does. */
  readonly dryRun?: string;
  /** The media type of the bodies it reads. */
  readonly reads: Voice['reads'];
  /** What it calls its refresh cookie, without prefix; absent if it has none. */
  readonly cookie?: string;
  /** The headers that its frontends send beside content-type and authorization, in lower case. */
  readonly headers?: readonly string[];
  /** What a login backend may give it to answer beside the tokens: a DTO, held against `extras` of POST /sessions. */
  readonly extras?: Type<object>;
  /** How it says each failure. */
  readonly words: Words;
  /** Its controllers, as classes of their own for each mount: subclasses with their own `@Controller(path)`. */
  readonly controllers: (mount: Mount) => Type[];
  /** What its controllers need beside the service. */
  readonly providers?: readonly Provider[];
  /** What its OpenAPI documents say of it beyond its routes. */
  readonly document: DocumentFacts;
}

/** The part of an OpenAPI document that is of no route. */
export interface DocumentFacts {
  readonly openapi: '3.0.0' | '3.0.3' | '3.1.0';
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** The path that the document's paths are under, such as `/api/v1`. */
  readonly base?: string;
  readonly security?: NonNullable<OpenAPIObject['security']>;
  readonly securitySchemes?: NonNullable<OpenAPIObject['components']>['securitySchemes'] & object;
}

/** A contract at its place in this service. */
export class Mount implements Voice {
  readonly contract: string;
  /** The folder's whole path. */
  readonly folder: string;
  readonly routes: Readonly<Record<string, readonly string[]>>;
  readonly reads: Voice['reads'];
  readonly words: Words;
  /** The path that knows `dryRun`. */
  readonly dryRun: string | undefined;
  readonly cookie: RefreshCookie | undefined;

  constructor(
    readonly definition: Contract,
    readonly prefix: string,
    readonly config: Config,
  ) {
    this.contract = definition.name;
    this.folder = this.at(definition.folder);
    this.reads = definition.reads;
    this.dryRun = definition.dryRun === undefined ? undefined : this.at(definition.dryRun);
    this.words = definition.words;
    this.cookie = definition.cookie === undefined ? undefined : this.cookieNamed(definition.cookie);
    this.routes = Object.fromEntries(
      Object.entries(definition.routes).map(([path, method]) => [this.at(path), [method]]),
    );
  }

  /** A path of the contract at this place. What is well known stays where it is known (RFC 8414 section 3.1). */
  at(path: string): string {
    return path.startsWith('/.well-known/') ? path + this.prefix : this.prefix + path;
  }

  /** Another cookie of the contract, sent where its refresh cookie is sent. */
  cookieNamed(name: string): RefreshCookie {
    return new RefreshCookie(name, this.folder, this.config.cookie);
  }
}

/** Two contracts claim one route. The message says which, and how to mend it. */
export class RouteClash extends Error {
  constructor(route: string, first: ContractMount, second: ContractMount) {
    const free = `${second.name}@/${second.name}`;
    super(
      `CONTRACTS: ${first.name} and ${second.name} both claim ${route}. Put one under a prefix, such as ${free}`,
    );
    this.name = 'RouteClash';
  }
}
