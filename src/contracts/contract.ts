import type { Type } from '@nestjs/common';
import type { Config, ContractMount } from '../config/config.js';
import type { Words } from '../http/failure.js';
import { RefreshCookie } from '../http/refresh-cookie.js';
import type { Voice } from '../http/voices.js';

/** One wire API over the engine: a folder here that exports one of these, and a line in registry.ts. */
export interface Contract {
  /** As CONTRACTS names it. */
  readonly name: string;
  /** The folder of its routes, such as `/auth`. */
  readonly folder: string;
  /** Its routes, each a path within the folder, such as `/refresh`, and their method. */
  readonly routes: Readonly<Record<string, 'GET' | 'POST'>>;
  /** The route that knows `dryRun`; absent if none does. */
  readonly dryRun?: string;
  /** What it calls its refresh cookie, without prefix; absent if it has none. */
  readonly cookie?: string;
  /** How it says each failure. */
  readonly words: Words;
  /** Its controller, as a class of its own for each mount: a subclass with its own `@Controller(path)`. */
  readonly controller: (mount: Mount) => Type;
  /** What its OpenAPI documents say of it beyond its routes. */
  readonly about: { readonly title: string; readonly description: string; readonly version: string };
}

/** A contract at its place in this service. */
export class Mount implements Voice {
  readonly contract: string;
  /** The folder's whole path. */
  readonly folder: string;
  readonly routes: Readonly<Record<string, readonly string[]>>;
  readonly words: Words;
  /** The path that knows `dryRun`. */
  readonly dryRun: string | undefined;
  readonly cookie: RefreshCookie | undefined;

  constructor(
    readonly definition: Contract,
    prefix: string,
    config: Config,
  ) {
    this.contract = definition.name;
    this.folder = prefix + definition.folder;
    this.dryRun = definition.dryRun === undefined ? undefined : this.folder + definition.dryRun;
    this.words = definition.words;
    this.cookie =
      definition.cookie === undefined
        ? undefined
        : new RefreshCookie(definition.cookie, this.folder, config.cookie);
    this.routes = Object.fromEntries(
      Object.entries(definition.routes).map(([path, method]) => [this.folder + path, [method]]),
    );
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
