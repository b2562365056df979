import type { KeyObject } from 'node:crypto';
import type { RefreshTokenKey } from '../core/refresh-token.js';

/** Everything the operator decides, read once at start, checked and frozen. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: DatabaseConfig;
  /** How many refreshes may share one statement; 1 gives each its own. */
  readonly batchSize: number;
  /** The first mints, all verify. */
  readonly refreshTokenKeys: readonly [RefreshTokenKey, ...RefreshTokenKey[]];
  readonly serviceKeys: readonly ServiceKey[];
  readonly contracts: readonly ContractMount[];
  /** The `iss` of access tokens. */
  readonly issuer: string;
  /** The `aud` of access tokens whose session names none. */
  readonly audience: string;
  readonly signing: SigningConfig;
  readonly lifetimes: Lifetimes;
  /** The grace window in milliseconds; 0 is strict mode. */
  readonly rotationGrace: number;
  /** Origins whose pages may call with the cookie. */
  readonly allowedOrigins: readonly string[];
  /** Origins whose pages may call without cookies, for dry runs only. */
  readonly playgroundOrigins: readonly string[];
  readonly cookie: CookieConfig;
  /** Where the contract nest-auth puts tokens: `header` is the body. Undefined lets each request choose. */
  readonly nestAuthTokenType: 'header' | 'cookie' | undefined;
  /** Whether /docs is served. */
  readonly docs: boolean;
  /** Whose `X-Forwarded-*` headers are believed: false for nobody, or addresses, networks, or a number of hops. */
  readonly trustProxy: false | number | readonly string[];
  /** Requests a minute; 0 is no limit. */
  readonly rateLimits: { readonly perAddress: number; readonly perSession: number };
  readonly logLevel: LogLevel;
}

/** PostgreSQL at a URL, which may name several hosts, or PostgreSQL in this process with its files in a folder. */
export type DatabaseConfig =
  | { readonly kind: 'postgresql'; readonly url: string }
  | { readonly kind: 'embedded'; readonly directory: string };

/** The secret with which a login backend calls the sessions API. */
export interface ServiceKey {
  /** Names the login backend in logs, and is the `client_id` of sessions that name none. */
  readonly name: string;
  readonly secret: string;
  /** Where a generated one was written, to be shown at start. */
  readonly file?: string;
}

/** A contract, by its name, and the path its routes are put under (empty for none). */
export interface ContractMount {
  readonly name: string;
  readonly prefix: string;
}

/** What signs access tokens: the key ring in the database, a shared secret (HS256), or a key of one's own. */
export type SigningConfig =
  | { readonly kind: 'ring'; readonly period: number }
  | { readonly kind: 'secret'; readonly secret: KeyObject }
  | { readonly kind: 'key'; readonly privateKey: KeyObject; readonly algorithm: 'ES256' | 'ES384' | 'RS256' };

/** In seconds. A session may be opened with its own. */
export interface Lifetimes {
  readonly accessToken: number;
  readonly idle: number;
  readonly max: number;
}

/** How refresh cookies are written. */
export interface CookieConfig {
  readonly prefix: '' | '__Host-' | '__Secure-';
  readonly domain?: string;
  readonly sameSite: 'Strict' | 'Lax' | 'None';
}

/** As pino names them. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
