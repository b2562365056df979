import type { KeyObject } from 'node:crypto';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type { LegacyConfig } from './legacy.js';
import type { Settings } from './settings.js';

/** Everything the operator decides, read once at start, checked and frozen. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: DatabaseConfig;
  /** How many processes share the port. */
  readonly workers: number;
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
  /** How long the row of a session is kept after its deadline, in seconds. */
  readonly sessionRetention: number;
  /** How exactly people see when their sessions were last used. */
  readonly lastUsedPrecision: 'day' | 'hour' | 'exact';
  /** How many sessions of one client a subject may have; 0 is no limit. */
  readonly maxSessionsPerSubject: number;
  /** The grace window in milliseconds; 0 is strict mode. */
  readonly rotationGrace: number;
  /** The recovery window in milliseconds; 0 in strict mode. */
  readonly recoveryWindow: number;
  /** Origins whose pages may call with the cookie. */
  readonly allowedOrigins: readonly string[];
  /** Origins whose pages may call without cookies, for dry runs only. */
  readonly playgroundOrigins: readonly string[];
  readonly cookie: CookieConfig;
  /** What is taken of the system whose place it has taken. */
  readonly legacy: LegacyConfig;
  /** What each contract has read of settings of its own, by its name. */
  readonly contractSettings: Readonly<Record<string, unknown>>;
  /** Whether /console is served. */
  readonly console: boolean;
  /** Whether /docs is served. */
  readonly docs: boolean;
  /** Which dry runs there are: of every token, of the documented sample tokens alone, or none. */
  readonly dryRun: 'on' | 'samples' | 'off';
  /** Whose `X-Forwarded-*` headers are believed: false for nobody, or addresses, networks, or a number of hops. */
  readonly trustProxy: false | number | readonly string[];
  /** Requests a minute, and wrong service keys a minute of an address; 0 is no limit. */
  readonly rateLimits: {
    readonly perAddress: number;
    readonly perSession: number;
    readonly wrongServiceKeys: number;
    /** Of an address: tokens of the system before that only the database could tell were none. */
    readonly unknownTokens: number;
    /** Where they are counted: in each process, or in the database for all replicas. */
    readonly store: 'memory' | 'postgresql';
  };
  /** What happened to sessions, as it is kept. */
  readonly history: {
    /** How long beyond the row of its session, in seconds. */
    readonly retention: number;
    /** What is kept of those who present tokens: all, the network in place of the address, or nothing. */
    readonly callers: 'full' | 'short' | 'off';
  };
  readonly logLevel: LogLevel;
  /** For programs, for people, or, by `auto`, for people where standard output is a terminal. */
  readonly logFormat: 'auto' | 'json' | 'pretty';
  /** How the log names subjects: as they are, by a keyed hash, or not at all. */
  readonly logSubjects: 'plain' | 'hashed' | 'off';
  /** Whether traces are recorded, and exported. */
  readonly tracing: boolean;
  /** A line for each variable of the environment that is probably a setting whose name is misspelt. */
  readonly misspelt: readonly string[];
}

/** PostgreSQL at a URL, which may name several hosts, over at most so many connections a process (10 if that is not said), or PostgreSQL in this process with its files in a folder. */
export type DatabaseConfig =
  | { readonly kind: 'postgresql'; readonly url: string; readonly connections?: number }
  | { readonly kind: 'embedded'; readonly directory: string };

/**
 * What a service key may be for: to read the metrics; to do whatever the sessions API does; of that, to read, inspect and
 * end sessions one by one or a subject's; to register clients.
 */
export const SERVICE_ROLES = ['metrics', 'sessions', 'support', 'clients'] as const;

/** One of SERVICE_ROLES. */
export type ServiceRole = (typeof SERVICE_ROLES)[number];

/** The secret with which a login backend, support or Prometheus calls the service's own APIs. */
export interface ServiceKey {
  /** Names its holder in logs, and is the `client_id` of sessions that name none. */
  readonly name: string;
  /** What it is for: everything, unless it is said. */
  readonly roles: readonly ServiceRole[];
  readonly secret: string;
  /** Where a generated one was written, to be shown at start. */
  readonly file?: string;
}

/** What the configuration must know of a contract. */
export interface KnownContract {
  readonly name: string;
  /** Reads the settings that are its own; absent if there are none. */
  readonly settings?: (settings: Settings) => unknown;
}

/** A contract, by its name, and the path its routes are put under (empty for none). */
export interface ContractMount {
  readonly name: string;
  readonly prefix: string;
}

/** What a key of the operator's own may sign with (RFC 7518 section 3.1). */
export type OwnKeyAlgorithm = 'ES256' | 'ES384' | 'RS256';

/** The public half of a key of the operator's own, which does not sign now. */
export interface VerifyingKey {
  readonly publicKey: KeyObject;
  readonly algorithm: OwnKeyAlgorithm;
}

/**
 * What signs access tokens: the key ring in the database, a shared secret (HS256), or a key of the operator's own. The
 * `others` verify, and the keys among them are published.
 */
export type SigningConfig =
  | { readonly kind: 'ring'; readonly period: number }
  | { readonly kind: 'secret'; readonly secret: KeyObject; readonly others: readonly KeyObject[] }
  | {
      readonly kind: 'key';
      readonly privateKey: KeyObject;
      readonly algorithm: OwnKeyAlgorithm;
      readonly others: readonly VerifyingKey[];
    };

/** In seconds. A session may be opened with its own. */
export interface Lifetimes {
  readonly accessToken: number;
  readonly idle: number;
  readonly max: number;
}

/** How refresh cookies are written. */
export interface CookieConfig {
  readonly prefix: '' | '__Host-' | '__Secure-';
  /** The refresh cookie's name, where it is not to be its contract's. */
  readonly name?: string;
  /** Where it is sent, if not where its contract is. */
  readonly path?: string;
  readonly domain?: string;
  readonly sameSite: 'Strict' | 'Lax' | 'None';
  /** Whether a browser keeps one for each site that the service is embedded in (CHIPS). */
  readonly partitioned: boolean;
  /** Whether they are Secure for a request over plain HTTP at this very machine, too. In production they are. */
  readonly alwaysSecure: boolean;
}

/** As pino names them. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
