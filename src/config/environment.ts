import { availableParallelism } from 'node:os';
import type { Config, ContractMount, DatabaseConfig, KnownContract, LogLevel } from './config.js';
import { mistakeIn } from './database-url.js';
import { formatDuration } from './duration.js';
import { embeddedSecrets } from './embedded-secrets.js';
import { readLegacy } from './legacy.js';
import { readAudience, readCookie, readIssuer, readOrigins, readTrustProxy, urlOf } from './network.js';
import { readRefreshTokenKeys, readServiceKeys } from './secrets.js';
import { Settings, type SettingRead } from './settings.js';
import { readSigning } from './signing.js';
import { isPlainPath, splitOnce } from './text.js';
import { readTracing } from './tracing.js';

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
/** Unless the operator says otherwise: over a weekend, in milliseconds. */
const RECOVERY_WINDOW = 3 * 86_400_000;
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * The configuration that `environment` describes: the only place where the environment is read. In embedded mode
 * it makes the data folder and its secrets.
 *
 * @param known the contracts that `CONTRACTS` may name
 * @param inEmbeddedMode what is mounted on the embedded database if it names none: everything, to be tried
 * @throws ConfigError with every mistake at once
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly KnownContract[],
  inEmbeddedMode: readonly ContractMount[] = [PLEC],
): Config {
  const settings = new Settings(environment);
  const config = configOf(settings, known, inEmbeddedMode);
  if (settings.mistakes.length > 0) throw new ConfigError(settings.mistakes);
  return deepFreeze(config as unknown as Config);
}

/** Every setting that is read from `environment`, by its name: what the documentation is made of. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  known: readonly KnownContract[],
): ReadonlyMap<string, SettingRead> {
  const settings = new Settings(environment);
  configOf(settings, known, [PLEC]);
  return settings.read;
}

/** What `settings` say, as a Config unless there are mistakes in them. */
function configOf(
  settings: Settings,
  known: readonly KnownContract[],
  inEmbeddedMode: readonly ContractMount[],
): { readonly [member in keyof Config]: unknown } {
  const production = isProduction(settings);
  const database = databaseOf(settings, production);
  const secrets = database?.kind === 'embedded' ? embeddedSecrets(settings, database.directory) : undefined;
  const host = settings.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const port = settings.integer('PORT', 3000, 0, 65_535);
  const issuer = readIssuer(settings, production, urlOf(host, port));
  const lifetimes = {
    accessToken: settings.seconds('ACCESS_TOKEN_TTL', '15m', '1s', '24h'),
    idle: settings.seconds('SESSION_IDLE_TTL', '14d', '1s', '3650d'),
    max: settings.seconds('SESSION_MAX_TTL', '90d', '1s', '3650d'),
  };
  const rotationGrace = settings.duration('ROTATION_GRACE', '10s', '0', '60s');
  const recoveryWindow = readRecoveryWindow(settings, lifetimes.idle * 1000);
  return {
    production,
    host,
    port,
    database,
    workers: workersOf(settings, database),
    batchSize: settings.integer('BATCH_SIZE', 1_000, 1, 1_000),
    refreshTokenKeys: readRefreshTokenKeys(settings, secrets),
    serviceKeys: readServiceKeys(settings, secrets),
    contracts: readContracts(
      settings,
      known.map(({ name }) => name),
      database?.kind === 'embedded' ? inEmbeddedMode : [PLEC],
    ),
    issuer,
    audience: readAudience(settings, production, issuer),
    signing: readSigning(settings),
    lifetimes,
    sessionRetention: settings.seconds('SESSION_RETENTION', '1d', '1h', '3650d'),
    lastUsedPrecision: settings.choice('LAST_USED_PRECISION', 'day', ['day', 'hour', 'exact']),
    maxSessionsPerSubject: settings.integer('MAX_SESSIONS_PER_SUBJECT', 0, 0, 1_000),
    rotationGrace,
    recoveryWindow: rotationGrace === 0 ? 0 : recoveryWindow,
    allowedOrigins: readOrigins(settings, 'ALLOWED_ORIGINS'),
    playgroundOrigins: readOrigins(settings, 'PLAYGROUND_ORIGINS'),
    cookie: readCookie(settings, issuer),
    legacy: readLegacy(settings),
    contractSettings: Object.fromEntries(known.map((each) => [each.name, each.settings?.(settings)])),
    console: (settings.choice('CONSOLE', '', ['', 'on', 'off']) || (production ? 'off' : 'on')) === 'on',
    docs: settings.choice('DOCS', 'on', ['on', 'off']) === 'on',
    dryRun: settings.choice('DRY_RUN', 'on', ['on', 'samples', 'off']),
    trustProxy: readTrustProxy(settings),
    rateLimits: {
      perAddress: settings.integer('RATE_LIMIT_PER_ADDRESS', 600, 0, 1_000_000_000),
      perSession: settings.integer('RATE_LIMIT_PER_SESSION', 120, 0, 1_000_000_000),
      wrongServiceKeys: settings.integer('RATE_LIMIT_WRONG_SERVICE_KEYS', 30, 0, 1_000_000_000),
      unknownTokens: settings.integer('RATE_LIMIT_UNKNOWN_TOKENS', 60, 0, 1_000_000_000),
      store: settings.choice('RATE_LIMIT_STORE', 'memory', ['memory', 'postgresql']),
    },
    history: {
      retention: settings.seconds('HISTORY_RETENTION', '90d', '0', '3650d'),
      callers: settings.choice('HISTORY_CALLERS', 'short', ['full', 'short', 'off']),
    },
    logSubjects: settings.choice('LOG_SUBJECTS', 'plain', ['plain', 'hashed', 'off']),
    ...logOf(settings),
    tracing: readTracing(settings),
    misspelt: settings.misspelt(),
  };
}

/** Only the database that `environment` describes, for whoever needs no other setting. @throws ConfigError */
export function readDatabase(environment: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  const settings = new Settings(environment);
  const database = databaseOf(settings, isProduction(settings));
  if (!database) throw new ConfigError(settings.mistakes);
  return database;
}

/**
 * Only how many processes `environment` asks for and how much they log, for the one that watches over them; it takes what is
 * wrong for the default, since a worker that reads the whole configuration says what is.
 */
export function readWorkers(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<Config, 'workers' | 'logLevel' | 'logFormat'> {
  const settings = new Settings(environment);
  return { workers: workersOf(settings), ...logOf(settings) };
}

/** Libraries heed this one word alone, and a server that was meant for production would start without its rules. */
function isProduction(settings: Settings): boolean {
  const text = settings.text('NODE_ENV');
  if (text !== 'production' && /^prod/i.test(text ?? ''))
    settings.mistake('NODE_ENV', `"${text}" is not known; did you mean production?`, undefined);
  return text === 'production';
}

function workersOf(settings: Settings, database?: DatabaseConfig): number {
  const workers =
    settings.text('WORKERS')?.toLowerCase() === 'auto'
      ? availableParallelism()
      : settings.integer('WORKERS', 1, 1, 256);
  if (workers === 1 || database?.kind !== 'embedded') return workers;
  return settings.mistake('WORKERS', 'is for one process on the embedded database; set DATABASE_URL', 1);
}

function logOf(settings: Settings): Pick<Config, 'logLevel' | 'logFormat'> {
  return {
    logLevel: settings.choice('LOG_LEVEL', 'info', LOG_LEVELS),
    logFormat: settings.choice('LOG_FORMAT', 'auto', ['auto', 'json', 'pretty'] as const),
  };
}

function databaseOf(settings: Settings, production: boolean): DatabaseConfig | undefined {
  const url = settings.text('DATABASE_URL');
  const connections = settings.integer('DATABASE_CONNECTIONS', 10, 2, 100);
  const directory = settings.text('DATA_DIR') ?? './data';
  if (settings.faults('DATABASE_URL')) return;
  if (url) {
    const mistake = mistakeIn(url);
    if (!mistake) return { kind: 'postgresql', url, connections };
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
  return { kind: 'embedded', directory };
}

/** At most the idle lifetime, after which there is nothing to recover. */
function readRecoveryWindow(settings: Settings, idle: number): number {
  const otherwise = formatDuration(Math.min(RECOVERY_WINDOW, idle));
  return settings.duration('RECOVERY_WINDOW', otherwise, '0', formatDuration(idle));
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
    if (prefix && !isPlainPath(prefix))
      return { mistake: `the prefix "${prefix}" is not a path such as /watchr` };
    return { value: { name, prefix } };
  });
  if (mounts.length > 0 || settings.faults('CONTRACTS')) return mounts;
  return settings.mistake('CONTRACTS', 'names no contract', mounts);
}

function deepFreeze<T>(value: T): T {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!plain) return value;
  for (const inner of Object.values(value as object)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
