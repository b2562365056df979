import type { Provider, Type } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { Config, ContractMount, KnownContract } from '../config/config.js';
import type { Flaw } from '../core/refusal.js';
import type { ErrorFormat } from '../http/errors/error-reply.js';
import type { HttpRefusalReason } from '../http/errors/http-refusal.js';
import { RefreshCookie } from '../http/refresh-cookie.js';
import type { MountedApi } from '../http/mounted-apis.js';
import { folderOf, routesOf, type Route } from './routes.js';

/**
 * One wire API over the engine: a folder here that exports one of these, and a line in registry.ts. Its name is the one
 * that CONTRACTS uses.
 */
export interface Contract extends KnownContract {
  /** Its controllers. The path of the first is the contract's folder, where its cookies are sent. */
  readonly controllers: readonly [Type<Mounted>, ...Type<Mounted>[]];
  /** The media type of the bodies it reads. */
  readonly reads: MountedApi['reads'];
  /** What it calls its refresh cookie, without prefix; absent if it has none. */
  readonly cookie?: string;
  /** The cookie that it gives access tokens in, if these settings of its own have it do so. */
  readonly accessCookie?: (config: Config, settings: unknown) => RefreshCookie | undefined;
  /** The headers that its frontends send beside content-type and authorization, in lower case. */
  readonly headers?: readonly string[];
  /** What a login backend may give it to answer beside the tokens: a DTO, held against `extras` of POST /sessions. */
  readonly extras?: Type<object>;
  /** How it says each refusal. */
  readonly errors: ErrorFormat;
  /** What its controllers need beside the service. */
  readonly providers?: readonly Provider[];
  /** What its OpenAPI documents say of it beyond its routes. */
  readonly document: DocumentFacts;
}

/** A controller of a contract: it is told where it is mounted (see contract-controller.ts). */
export interface Mounted {
  readonly mount: Mount;
}

/** The part of an OpenAPI document that is of no route. */
export interface DocumentFacts {
  readonly openapi: '3.0.0' | '3.0.3' | '3.1.0';
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** The path that the document's paths are under, such as `/api/v1`. */
  readonly base?: string;
  /** What is wrong with an invalid request that is typical of it, if not a `refreshToken` that is no text. */
  readonly flaw?: Flaw;
  /** What it never refuses for. */
  readonly never?: readonly HttpRefusalReason[];
  /** Its operations' tags, in the order that a page has them in; what they say beyond their names. */
  readonly tags?: OpenAPIObject['tags'];
  readonly security?: NonNullable<OpenAPIObject['security']>;
  readonly securitySchemes?: NonNullable<OpenAPIObject['components']>['securitySchemes'] & object;
}

/** A contract at its place in this service. */
export class Mount implements MountedApi {
  readonly contract: string;
  /** The folder's whole path: refusals of whatever lies under it are in the contract's error format. */
  readonly folder: string;
  readonly routes: Readonly<Record<string, readonly string[]>>;
  readonly reads: MountedApi['reads'];
  readonly errors: ErrorFormat;
  /** None with DRY_RUN=off. */
  readonly dryRunPaths: readonly string[];
  readonly cookie: RefreshCookie | undefined;
  /** Those of the system before, if the contract has a cookie: what comes in them is read beside it. */
  readonly legacyCookies: readonly RefreshCookie[];
  /** Where access tokens go, or may go. */
  readonly accessCookie: RefreshCookie | undefined;
  private readonly issuerPath: string;
  private readonly root: string;

  constructor(
    readonly definition: Contract,
    readonly prefix: string,
    readonly config: Config,
  ) {
    const { name, controllers, reads, errors, cookie } = definition;
    const { origin } = new URL(config.issuer);
    this.issuerPath = issuerPathOf(config.issuer);
    const routes = routesAt(definition, prefix, this.issuerPath);
    this.contract = name;
    this.folder = this.at(folderOf(controllers[0]));
    // A prefix that lies under the issuer's path is how a request comes in behind a proxy that leaves the path as it is.
    const isInPrefix = `${prefix}/`.startsWith(`${this.issuerPath}/`);
    this.root = isInPrefix ? origin : origin + this.issuerPath;
    this.reads = reads;
    this.errors = errors;
    this.cookie =
      cookie === undefined
        ? undefined
        : new RefreshCookie(config.cookie.name ?? cookie, this.folder, config.cookie);
    const { cookies } = config.legacy;
    this.legacyCookies = (this.cookie ? cookies : [])
      .filter((legacy) => legacy.name !== this.cookie!.name)
      .map((legacy) => RefreshCookie.legacy(legacy.name, legacy.path ?? this.folder, config.cookie));
    this.accessCookie = definition.accessCookie?.(config, this.settings);
    this.routes = Object.fromEntries(routes.map(({ path, method }) => [path, [method]]));
    const canRunDry = config.dryRun === 'off' ? [] : routes.filter(({ dryRun }) => dryRun);
    this.dryRunPaths = canRunDry.map(({ path }) => path);
  }

  /** What the contract read of its own settings. */
  get settings(): unknown {
    return this.config.contractSettings[this.contract];
  }

  /** A path of the contract at this place. */
  at(path: string): string {
    return at(path, this.prefix, this.issuerPath);
  }

  /** The URL by which clients know a path of this service, wherever the request came in. It is normalised. */
  urlOf(path: string): string {
    return this.root + path;
  }
}

/** The routes of a contract under `prefix`, for an issuer with the path `issuerPath`. */
export function routesAt({ controllers }: Contract, prefix: string, issuerPath: string): Route[] {
  return controllers
    .flatMap(routesOf)
    .map((route) => ({ ...route, path: at(route.path, prefix, issuerPath) }));
}

/** The path of an issuer, without a slash at its end; empty if it has none (RFC 8414 section 3.1). */
export function issuerPathOf(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '');
}

/** What is well known of an issuer is found by the issuer alone (RFC 8414 section 3.1), wherever the rest is mounted. */
function at(path: string, prefix: string, issuerPath: string): string {
  return path.startsWith('/.well-known/') ? path + issuerPath : prefix + path;
}

/** Two contracts claim one route. The message says which, and how to mend it. */
export class RouteClash extends Error {
  constructor(route: string, first: ContractMount, second: ContractMount) {
    const mend = route.includes('/.well-known/')
      ? 'There is one for an issuer, wherever they are mounted: leave one out'
      : `Put one under a prefix, such as ${second.name}@/${second.name}`;
    super(`CONTRACTS: ${first.name} and ${second.name} both claim ${route}. ${mend}`);
    this.name = 'RouteClash';
  }
}
