import { isIP } from 'node:net';
import type { Config, ContractMount, DatabaseConfig, LogLevel } from './config.js';
import { mistakeIn } from './database-url.js';
import { embeddedSecrets } from './embedded-secrets.js';
import { readCookie, readIssuer, readOrigins, readTrustProxy } from './network.js';
import { readRefreshTokenKeys, readServiceKeys, readSigning } from './secrets.js';
import { Settings } from './settings.js';
import { splitOnce } from './text.js';

/** The environment does not make a configuration. The message has a line for every mistake. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n  ${mistakes.join('\n  ')}`,
    );
    this.name = 'ConfigError';
  }
}

const PLEC: ContractMount = { name: 'plec', prefix: '' };
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * The configuration that `environment` describes: the only place where the environment is read. In embedded mode
 * it makes the data folder and its secrets.
 *
 * @param contractNames the contracts that `CONTRACTS` may name
 * @param inEmbeddedMode what is mounted on the embedded database if it names none: everything, to be tried
 * @throws ConfigError with every mistake at once
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  contractNames: readonly string[],
  inEmbeddedMode: readonly ContractMount[] = [PLEC],
): Config {
  const settings = new Settings(environment);
  const production = settings.text('NODE_ENV') === 'production';
  const database = databaseOf(settings, production);
  const secrets = database?.kind === 'embedded' ? embeddedSecrets(settings, database.directory) : undefined;
  const host = settings.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const port = settings.integer('PORT', 3000, 0, 65_535);
  const issuer = readIssuer(settings, production, `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`);
  const lifetimes = {
    accessToken: settings.seconds('ACCESS_TOKEN_TTL', '15m', '1s', '24h'),
    idle: settings.seconds('SESSION_IDLE_TTL', '14d', '1s', '3650d'),
    max: settings.seconds('SESSION_MAX_TTL', '90d', '1s', '3650d'),
  };
  const config = {
    production,
    host,
    port,
    database,
    batchSize: settings.integer('BATCH_SIZE', 256, 1, 1_000),
    refreshTokenKeys: readRefreshTokenKeys(settings, secrets),
    serviceKeys: readServiceKeys(settings, secrets),
    contracts: readContracts(
      settings,
      contractNames,
      database?.kind === 'embedded' ? inEmbeddedMode : [PLEC],
    ),
    issuer,
    audience: settings.text('AUDIENCE') ?? issuer,
    signing: readSigning(settings),
    lifetimes,
    rotationGrace: settings.duration('ROTATION_GRACE', '10s', '0', '60s'),
    allowedOrigins: readOrigins(settings, 'ALLOWED_ORIGINS'),
    playgroundOrigins: readOrigins(settings, 'PLAYGROUND_ORIGINS'),
    cookie: readCookie(settings),
    nestAuthTokenType: readNestAuthTokenType(settings),
    docs: settings.choice('DOCS', 'on', ['on', 'off']) === 'on',
    trustProxy: readTrustProxy(settings),
    rateLimits: {
      perAddress: settings.integer('RATE_LIMIT_PER_ADDRESS', 600, 0, 1_000_000_000),
      perSession: settings.integer('RATE_LIMIT_PER_SESSION', 120, 0, 1_000_000_000),
    },
    logLevel: settings.choice('LOG_LEVEL', 'info', LOG_LEVELS),
  };
  if (settings.mistakes.length > 0) throw new ConfigError(settings.mistakes);
  return deepFreeze(config as unknown as Config);
}

/** Only the database that `environment` describes, for whoever needs no other setting. @throws ConfigError */
export function readDatabase(environment: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  const settings = new Settings(environment);
  const database = databaseOf(settings, settings.text('NODE_ENV') === 'production');
  if (!database) throw new ConfigError(settings.mistakes);
  return database;
}

function databaseOf(settings: Settings, production: boolean): DatabaseConfig | undefined {
  const url = settings.text('DATABASE_URL');
  if (url) {
    const mistake = mistakeIn(url);
    if (!mistake) return { kind: 'postgresql', url };
    settings.mistake('DATABASE_URL', mistake, undefined);
    return;
  }
  if (production) {
    settings.mistake(
      'DATABASE_URL',
      'is not set, and NODE_ENV=production does not run on the embedded database',
      undefined,
    );
    return;
  }
  return { kind: 'embedded', directory: settings.text('DATA_DIR') ?? './data' };
}

function readContracts(
  settings: Settings,
  known: readonly string[],
  otherwise: readonly ContractMount[],
): ContractMount[] {
  if (!settings.text('CONTRACTS')) return [...otherwise];
  const mounts = settings.list<ContractMount>('CONTRACTS', (item) => {
    const [name, prefix] = splitOnce(item, '@');
    if (!known.includes(name))
      return { mistake: `"${name}" is not a contract; there are ${known.join(', ')}` };
    if (prefix && !/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.~-]+)+$/.test(prefix))
      return { mistake: `the prefix "${prefix}" is not a path such as /watchr` };
    return { value: { name, prefix } };
  });
  if (mounts.length > 0 || settings.faults('CONTRACTS')) return mounts;
  return settings.mistake('CONTRACTS', 'names no contract', mounts);
}

function readNestAuthTokenType(settings: Settings): Config['nestAuthTokenType'] {
  const name = 'NEST_AUTH_TOKEN_TYPE';
  return settings.text(name) ? settings.choice(name, 'header', ['header', 'cookie'] as const) : undefined;
}

function deepFreeze<T>(value: T): T {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!plain) return value;
  for (const inner of Object.values(value as object)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
