import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type { RefreshTokenKey } from '../core/refresh-token.js';
import type {
  Config,
  ContractMount,
  CookieConfig,
  DatabaseConfig,
  LogLevel,
  ServiceKey,
  SigningConfig,
} from './config.js';
import { embeddedSecrets, type EmbeddedSecrets } from './embedded-secrets.js';
import { Settings } from './settings.js';

/** The environment does not make a configuration. The message has a line for every mistake. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n  ${mistakes.join('\n  ')}`,
    );
    this.name = 'ConfigError';
  }
}

const LEAST_SECRET_CHARS = 32;
const NEW_SECRET = 'openssl rand -base64 32';
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * The configuration that `environment` describes: the only place where the environment is read. In embedded mode
 * it makes the data folder and its secrets.
 *
 * @param contractNames the contracts that `CONTRACTS` may name
 * @throws ConfigError with every mistake at once
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  contractNames: readonly string[],
): Config {
  const settings = new Settings(environment);
  const production = settings.text('NODE_ENV') === 'production';
  const host = settings.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const port = settings.integer('PORT', 3000, 0, 65_535);
  const database = databaseOf(settings, production);
  const secrets = database?.kind === 'embedded' ? embeddedSecrets(database.directory) : undefined;
  const issuer = readIssuer(settings, production, `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`);
  const lifetimes = {
    accessToken: settings.duration('ACCESS_TOKEN_TTL', '15m', '1s', '24h') / 1000,
    idle: settings.duration('SESSION_IDLE_TTL', '14d', '1s', '3650d') / 1000,
    max: settings.duration('SESSION_MAX_TTL', '90d', '1s', '3650d') / 1000,
  };
  const config = {
    production,
    host,
    port,
    database,
    refreshTokenKeys: readRefreshTokenKeys(settings, secrets),
    serviceKeys: readServiceKeys(settings, secrets),
    contracts: readContracts(settings, contractNames),
    issuer,
    audience: settings.text('AUDIENCE') ?? issuer,
    signing: readSigning(settings),
    lifetimes,
    rotationGrace: settings.duration('ROTATION_GRACE', '10s', '0', '60s'),
    allowedOrigins: readOrigins(settings, 'ALLOWED_ORIGINS'),
    playgroundOrigins: readOrigins(settings, 'PLAYGROUND_ORIGINS'),
    cookie: readCookie(settings),
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
    if (/^postgres(ql)?:\/\/./.test(url)) return { kind: 'postgresql', url };
    settings.mistake('DATABASE_URL', 'is not a postgresql:// URL', undefined);
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

function readRefreshTokenKeys(settings: Settings, secrets?: EmbeddedSecrets): RefreshTokenKey[] {
  const name = 'REFRESH_TOKEN_KEYS';
  const given = settings.text(name) ? settings : new Settings({ [name]: secrets?.refreshTokenKeys });
  const keys = given.list(name, (item) => {
    const [kid, secret] = splitOnce(item);
    if (!/^\d{1,3}$/.test(kid) || Number(kid) > 255)
      return { mistake: 'each key is written kid:secret, with a kid from 0 to 255' };
    if (secret.length < LEAST_SECRET_CHARS)
      return {
        mistake: `the secret of key ${kid} is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
      };
    return { value: { kid: Number(kid), secret: Buffer.from(secret, 'utf8') } };
  });
  if (keys.length === 0 && settings.mistakes.every((mistake) => !mistake.startsWith(name))) {
    settings.mistake(name, `is not set; make one with: echo "1:$(${NEW_SECRET})"`, undefined);
  }
  const twice = firstTwice(keys.map((key) => String(key.kid)));
  if (twice) settings.mistake(name, `kid ${twice} is there twice`, undefined);
  return keys;
}

function readServiceKeys(settings: Settings, secrets?: EmbeddedSecrets): ServiceKey[] {
  const name = 'SERVICE_KEYS';
  if (!settings.text(name) && secrets) {
    return [{ name: 'local', secret: secrets.serviceKey, file: secrets.serviceKeyFile }];
  }
  const keys = settings.list(name, (item) => {
    const [keyName, secret] = splitOnce(item);
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(keyName))
      return { mistake: 'each key is written name:secret, with a name of letters, digits, "_", "." or "-"' };
    if (secret.length < LEAST_SECRET_CHARS)
      return {
        mistake: `the secret of ${keyName} is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
      };
    return { value: { name: keyName, secret } };
  });
  if (!settings.text(name)) {
    settings.mistake(
      name,
      `is not set, so no login backend could open a session; make one with: echo "login:$(${NEW_SECRET})"`,
      undefined,
    );
  }
  const twice = firstTwice(keys.map((key) => key.name));
  if (twice) settings.mistake(name, `${twice} is there twice`, undefined);
  return keys;
}

function readContracts(settings: Settings, known: readonly string[]): ContractMount[] {
  if (!settings.text('CONTRACTS')) return [{ name: 'plec', prefix: '' }];
  return settings.list('CONTRACTS', (item) => {
    const [name, prefix] = splitOnce(item, '@');
    if (!known.includes(name))
      return { mistake: `"${name}" is not a contract; there are ${known.join(', ')}` };
    if (prefix && !/^(\/[A-Za-z0-9_.~-]+)+$/.test(prefix))
      return { mistake: `the prefix "${prefix}" is not a path such as /watchr` };
    return { value: { name, prefix } };
  });
}

function readIssuer(settings: Settings, production: boolean, otherwise: string): string {
  const issuer = settings.text('ISSUER');
  if (!issuer) {
    if (production)
      settings.mistake(
        'ISSUER',
        'is not set; it is the URL that access tokens name as their issuer',
        undefined,
      );
    return otherwise;
  }
  const url = parseUrl(issuer);
  const fits = url && /^https?:$/.test(url.protocol) && !url.search && !url.hash;
  return fits
    ? issuer
    : settings.mistake('ISSUER', `"${issuer}" is not an http(s) URL without query and fragment`, otherwise);
}

function readSigning(settings: Settings): SigningConfig {
  const period = settings.duration('SIGNING_KEY_PERIOD', '30d', '1h', '3650d');
  const secret = settings.text('ACCESS_TOKEN_SECRET');
  const pem = settings.text('ACCESS_TOKEN_PRIVATE_KEY')?.replaceAll('\\n', '\n');
  const ring: SigningConfig = { kind: 'ring', period };
  if (secret && pem)
    return settings.mistake(
      'ACCESS_TOKEN_SECRET',
      'and ACCESS_TOKEN_PRIVATE_KEY are both set; one of them signs',
      ring,
    );
  if (secret) {
    if (secret.length < LEAST_SECRET_CHARS)
      return settings.mistake(
        'ACCESS_TOKEN_SECRET',
        `is shorter than ${LEAST_SECRET_CHARS} characters; make one with: ${NEW_SECRET}`,
        ring,
      );
    return { kind: 'secret', secret: createSecretKey(secret, 'utf8') };
  }
  if (!pem) return ring;
  const key = parsePrivateKey(pem);
  return (
    key ??
    settings.mistake(
      'ACCESS_TOKEN_PRIVATE_KEY',
      'is not a PEM private key for ES256 (P-256), ES384 (P-384) or RS256 (RSA, 2048 bits or more)',
      ring,
    )
  );
}

function parsePrivateKey(pem: string): SigningConfig | undefined {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    return undefined;
  }
  const { namedCurve, modulusLength = 0 } = privateKey.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return { kind: 'key', privateKey, algorithm: 'ES256' };
  if (namedCurve === 'secp384r1') return { kind: 'key', privateKey, algorithm: 'ES384' };
  if (privateKey.asymmetricKeyType === 'rsa' && modulusLength >= 2048)
    return { kind: 'key', privateKey, algorithm: 'RS256' };
  return undefined;
}

function readOrigins(settings: Settings, name: string): string[] {
  return settings.list(name, (item) => {
    const origin = parseUrl(item)?.origin;
    // An origin is compared as browsers write it, so a path, a wildcard or a capital letter would never match.
    if (origin === item && origin !== 'null' && !item.includes('*')) return { value: item };
    return { mistake: `"${item}" is not an origin; write it as https://app.example.com, without a path` };
  });
}

function readCookie(settings: Settings): CookieConfig {
  const prefix = settings.choice('COOKIE_PREFIX', '', ['', '__Host-', '__Secure-'] as const);
  const domain = settings.text('COOKIE_DOMAIN');
  const sameSite = settings.choice('COOKIE_SAMESITE', 'Strict', ['Strict', 'Lax', 'None'] as const);
  if (prefix === '__Host-' && domain)
    settings.mistake(
      'COOKIE_DOMAIN',
      'cannot be set with COOKIE_PREFIX=__Host-, which ties the cookie to one host',
      undefined,
    );
  if (domain && !/^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(domain))
    settings.mistake('COOKIE_DOMAIN', `"${domain}" is not a domain`, undefined);
  return { prefix, sameSite, ...(domain && { domain }) };
}

function readTrustProxy(settings: Settings): Config['trustProxy'] {
  const text = settings.text('TRUST_PROXY');
  if (!text || text === 'false' || text === 'off') return false;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const networks = settings.list('TRUST_PROXY', (item) => {
    const [address, bits] = splitOnce(item, '/');
    const named = ['loopback', 'linklocal', 'uniquelocal'].includes(item);
    const version = isIP(address);
    const fits =
      version !== 0 &&
      (bits === '' || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)));
    if (named || fits) return { value: item };
    return {
      mistake: `"${item}" is not a number of hops, an address, a network such as 10.0.0.0/8, or loopback, linklocal, uniquelocal`,
    };
  });
  return networks;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function splitOnce(item: string, separator = ':'): [string, string] {
  const at = item.indexOf(separator);
  return at < 0 ? [item, ''] : [item.slice(0, at), item.slice(at + 1)];
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

function deepFreeze<T>(value: T): T {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!plain) return value;
  for (const inner of Object.values(value as object)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
