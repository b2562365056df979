import { createPublicKey, generateKeyPairSync, KeyObject } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { readConfig, readDatabase } from '../../src/config/environment.ts';
import {
  CONTRACTS,
  OTHER_SECRET,
  SECRET,
  SERVER,
  mistakes,
  mistakesOf,
  read,
  type Environment,
} from './a-server.ts';

/** What a service key is for unless it is said. */
const EVERYTHING = ['metrics', 'sessions', 'support', 'clients'];

/** The refresh token keys as they were written. */
function exported({ refreshTokenKeys }: Config): { kid: number; secret: string }[] {
  return refreshTokenKeys.map(({ kid, secret }) => ({ kid, secret: secret.export().toString() }));
}

describe('a newcomer who sets nothing', () => {
  let directory: string;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'ratchet-config-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('but a folder for the data gets a service of their own machine', () => {
    expect(readConfig({ DATA_DIR: directory }, CONTRACTS)).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 3000,
      database: { kind: 'embedded', directory },
      contracts: [{ name: 'plec', prefix: '' }],
      issuer: 'http://localhost:3000',
      audience: 'http://localhost:3000',
      signing: { kind: 'ring', period: 30 * 86_400_000 },
      lifetimes: { accessToken: 900, idle: 14 * 86_400, max: 90 * 86_400 },
      rotationGrace: 10_000,
      recoveryWindow: 3 * 86_400_000,
      allowedOrigins: [],
      playgroundOrigins: [],
      cookie: { prefix: '', sameSite: 'Strict', partitioned: false, alwaysSecure: false },
      docs: true,
      dryRun: 'on',
      trustProxy: false,
      rateLimits: {
        perAddress: 600,
        perSession: 120,
        wrongServiceKeys: 30,
        unknownTokens: 60,
        store: 'memory',
      },
      logLevel: 'info',
    });
  });

  test('finds the data in ./data', () => {
    expect(readDatabase({})).toEqual({ kind: 'embedded', directory: './data' });
  });

  test('gets secrets that nobody else may read', () => {
    const data = join(directory, 'data');
    readConfig({ DATA_DIR: data }, CONTRACTS);
    const files = readdirSync(data);
    expect(files.toSorted()).toEqual(['refresh-token-keys', 'service-key']);
    for (const file of files) expect(statSync(join(data, file)).mode & 0o777).toBe(0o600);
    expect(statSync(data).mode & 0o777).toBe(0o700);
  });

  test('gets secrets of 256 bits, and the same ones the second time', () => {
    const first = readConfig({ DATA_DIR: directory }, CONTRACTS);
    const second = readConfig({ DATA_DIR: directory }, CONTRACTS);
    expect(first.refreshTokenKeys[0].kid).toBe(1);
    expect(first.refreshTokenKeys[0].secret.export().toString()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(first.serviceKeys[0]).toMatchObject({
      name: 'local',
      secret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
      file: join(directory, 'service-key'),
    });
    expect(readFileSync(join(directory, 'service-key'), 'utf8').trim()).toBe(first.serviceKeys[0]!.secret);
    expect(exported(second)).toEqual(exported(first));
    expect(second.serviceKeys).toEqual(first.serviceKeys);
  });

  test('gets other secrets than everybody else', () => {
    const mine = readConfig({ DATA_DIR: join(directory, 'mine') }, CONTRACTS);
    const yours = readConfig({ DATA_DIR: join(directory, 'yours') }, CONTRACTS);
    expect(mine.refreshTokenKeys[0].secret.equals(yours.refreshTokenKeys[0].secret)).toBe(false);
    expect(mine.serviceKeys[0]!.secret).not.toBe(yours.serviceKeys[0]!.secret);
    expect(mine.serviceKeys[0]!.secret).not.toBe(mine.refreshTokenKeys[0].secret.export().toString());
  });

  test('may still bring secrets of their own', () => {
    const config = readConfig(
      { DATA_DIR: directory, REFRESH_TOKEN_KEYS: `9:${SECRET}`, SERVICE_KEYS: `mine:${OTHER_SECRET}` },
      CONTRACTS,
    );
    expect(exported(config)).toEqual([{ kid: 9, secret: SECRET }]);
    expect(config.serviceKeys).toEqual([{ name: 'mine', roles: EVERYTHING, secret: OTHER_SECRET }]);
  });

  test.each(['refresh-token-keys', 'service-key'])('is told if the file %s was emptied', (file) => {
    writeFileSync(join(directory, file), '');
    chmodSync(join(directory, file), 0o600);
    expect(mistakes({ DATA_DIR: directory }).join()).toContain(file);
  });

  test('is told that a file is no folder, together with the other mistakes', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(mistakes({ DATA_DIR: file, PORT: 'http' })).toEqual([
      expect.stringContaining('DATA_DIR'),
      expect.stringContaining('PORT'),
    ]);
  });
});

const PRODUCTION: Environment = {
  NODE_ENV: 'production',
  ISSUER: 'https://auth.example.com',
  AUDIENCE: 'https://api.example.com',
};

describe('in production', () => {
  test('the service does not run on the embedded database, and makes no files', () => {
    const { DATABASE_URL: _, ...rest } = SERVER;
    const environment = { ...rest, ...PRODUCTION };
    expect(mistakes({ ...environment, DATA_DIR: join(tmpdir(), 'ratchet-never-made') })).toEqual([
      'DATABASE_URL: is not set, and NODE_ENV=production does not run on the embedded database',
    ]);
    expect(() => statSync(join(tmpdir(), 'ratchet-never-made'))).toThrow('ENOENT');
    expect(() => readDatabase({ NODE_ENV: 'production' })).toThrow('DATABASE_URL: is not set');
  });

  test('it listens on all addresses and wants to be told the issuer, and whom its tokens are for', () => {
    expect(mistakesOf({ NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^ISSUER: is not set/),
      expect.stringMatching(/^AUDIENCE: is not set.*https:\/\/api\.example\.com/),
    ]);
    expect(read(PRODUCTION)).toMatchObject({
      production: true,
      host: '0.0.0.0',
      issuer: 'https://auth.example.com',
      audience: 'https://api.example.com',
    });
    expect(read({ ISSUER: 'https://auth.example.com' }).audience).toBe('https://auth.example.com');
  });

  test('it wants an https issuer, and says so with all else', () => {
    const http = { ...PRODUCTION, ISSUER: 'http://auth.example.com' };
    const said =
      'ISSUER: "http://auth.example.com" is not https, as it must be in production; set it to the URL by which clients reach the service, such as https://auth.example.com';
    expect(mistakesOf(http)).toEqual([said]);
    expect(mistakesOf({ ...http, PORT: 'http' })).toEqual([expect.stringMatching(/^PORT: /), said]);
    expect(mistakesOf({ ...http, NODE_ENV: 'development' })).toEqual([]);
  });

  test('it is told where its secrets are to come from', () => {
    const found = mistakes({ NODE_ENV: 'production' });
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'DATABASE_URL',
      'ISSUER',
      'REFRESH_TOKEN_KEYS',
      'SERVICE_KEYS',
      'AUDIENCE',
    ]);
    expect(found.filter((line) => line.includes('openssl rand -base64 32'))).toHaveLength(2);
  });
});

describe('an operator', () => {
  test('who sets everything finds it in the configuration', () => {
    const config = read({
      HOST: '2001:db8::1',
      PORT: '8080',
      REFRESH_TOKEN_KEYS: ` 2:${OTHER_SECRET} , 1:${SECRET} `,
      SERVICE_KEYS: `login:${SECRET},help-desk[support+metrics]:${OTHER_SECRET}`,
      CONTRACTS: 'plec, watchr@/watchr/v1',
      AUDIENCE: 'https://api.example.com',
      ACCESS_TOKEN_TTL: '5m',
      SESSION_IDLE_TTL: '1h',
      SESSION_MAX_TTL: '7d',
      ROTATION_GRACE: '0',
      SIGNING_KEY_PERIOD: '7d',
      ALLOWED_ORIGINS: 'https://app.example.com, http://localhost:5173',
      PLAYGROUND_ORIGINS: 'https://docs.example.com',
      COOKIE_PREFIX: '__Secure-',
      COOKIE_DOMAIN: 'example.com',
      COOKIE_SAMESITE: 'lax',
      DOCS: 'off',
      DRY_RUN: 'samples',
      TRUST_PROXY: '2',
      RATE_LIMIT_PER_ADDRESS: '0',
      RATE_LIMIT_PER_SESSION: '7',
      RATE_LIMIT_WRONG_SERVICE_KEYS: '5',
      RATE_LIMIT_UNKNOWN_TOKENS: '9',
      LOG_LEVEL: 'DEBUG',
    });
    expect(exported(config)).toEqual([
      { kid: 2, secret: OTHER_SECRET },
      { kid: 1, secret: SECRET },
    ]);
    expect(config).toMatchObject({
      host: '2001:db8::1',
      port: 8080,
      database: { kind: 'postgresql', url: SERVER['DATABASE_URL'] },
      serviceKeys: [
        { name: 'login', roles: EVERYTHING, secret: SECRET },
        { name: 'help-desk', roles: ['support', 'metrics'], secret: OTHER_SECRET },
      ],
      contracts: [
        { name: 'plec', prefix: '' },
        { name: 'watchr', prefix: '/watchr/v1' },
      ],
      issuer: 'http://[2001:db8::1]:8080',
      audience: 'https://api.example.com',
      signing: { kind: 'ring', period: 7 * 86_400_000 },
      lifetimes: { accessToken: 300, idle: 3_600, max: 7 * 86_400 },
      rotationGrace: 0,
      recoveryWindow: 0,
      allowedOrigins: ['https://app.example.com', 'http://localhost:5173'],
      playgroundOrigins: ['https://docs.example.com'],
      cookie: { prefix: '__Secure-', domain: 'example.com', sameSite: 'Lax' },
      docs: false,
      dryRun: 'samples',
      trustProxy: 2,
      rateLimits: { perAddress: 0, perSession: 7, wrongServiceKeys: 5, unknownTokens: 9, store: 'memory' },
      logLevel: 'debug',
    });
  });

  test('whose sessions may be idle for less than the recovery window recovers for as long as they last', () => {
    expect(read({ SESSION_IDLE_TTL: '1h' }).recoveryWindow).toBe(3_600_000);
    expect(read({ SESSION_IDLE_TTL: '1h', RECOVERY_WINDOW: '10m' }).recoveryWindow).toBe(600_000);
    expect(read({ RECOVERY_WINDOW: '0' }).recoveryWindow).toBe(0);
  });

  test('who leaves a setting empty has not set it', () => {
    expect(read({ PORT: '', AUDIENCE: '  ', ROTATION_GRACE: '\t', CONTRACTS: '' })).toEqual(read());
  });

  test.each<[settings: Environment, always: boolean]>([
    [{}, false],
    [{ ISSUER: 'http://auth.example.com' }, false],
    [{ ISSUER: 'https://auth.example.com' }, true],
    [{ ISSUER: 'HTTPS://auth.example.com' }, true],
    [PRODUCTION, true],
    [{ COOKIE_PREFIX: '__Secure-' }, true],
    [{ COOKIE_PREFIX: '__Host-' }, true],
    [{ COOKIE_SAMESITE: 'None' }, true],
  ])('whose settings are %j has cookies that are always Secure: %s', (settings, always) => {
    expect(read(settings).cookie.alwaysSecure).toBe(always);
  });

  test('whose secret holds a colon keeps all of it', () => {
    const { refreshTokenKeys, serviceKeys } = read({
      REFRESH_TOKEN_KEYS: `1:${SECRET}:${SECRET}`,
      SERVICE_KEYS: `login:${SECRET}:${SECRET}`,
    });
    expect(refreshTokenKeys[0].secret.export().toString()).toBe(`${SECRET}:${SECRET}`);
    expect(serviceKeys[0]!.secret).toBe(`${SECRET}:${SECRET}`);
  });

  test('learns of all mistakes at once, one line each', () => {
    const wrong = {
      PORT: '65536',
      DATABASE_URL: 'mysql://db.example/ratchet',
      ISSUER: 'auth.example.com',
      ACCESS_TOKEN_TTL: '900',
      SESSION_IDLE_TTL: '0',
      SESSION_MAX_TTL: '99999d',
      REFRESH_TOKEN_KEYS: '1:short',
      SERVICE_KEYS: 'login:short',
      CONTRACTS: 'plek',
      SIGNING_KEY_PERIOD: '1m',
      ROTATION_GRACE: '2m',
      RECOVERY_WINDOW: 'a while',
      ALLOWED_ORIGINS: '*',
      PLAYGROUND_ORIGINS: 'docs.example.com',
      COOKIE_DOMAIN: 'https://example.com',
      COOKIE_SAMESITE: 'no',
      COOKIE_PREFIX: '__Http-',
      DOCS: 'maybe',
      TRUST_PROXY: 'everybody',
      RATE_LIMIT_PER_ADDRESS: '-1',
      RATE_LIMIT_PER_SESSION: '1.5',
      RATE_LIMIT_WRONG_SERVICE_KEYS: 'many',
      LOG_LEVEL: 'loud',
    };
    const found = mistakesOf(wrong);
    expect(found.map((line) => line.split(':')[0]).toSorted()).toEqual(Object.keys(wrong).toSorted());
    expect(() => read(wrong)).toThrow(`The configuration has 23 mistakes:\n  ${found.join('\n  ')}`);
  });
});

describe('a secret in a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ratchet-secrets-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const TEXTS: Environment = {
    DATABASE_URL: 'postgresql://ratchet:sesame@other.example/ratchet',
    REFRESH_TOKEN_KEYS: `7:${OTHER_SECRET}`,
    SERVICE_KEYS: `prometheus[metrics]:${OTHER_SECRET}`,
    ACCESS_TOKEN_SECRET: OTHER_SECRET,
    ACCESS_TOKEN_PRIVATE_KEY: PEM,
  };
  const without = (name: string): Environment => ({ ...SERVER, [name]: '' });
  const fileOf = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text);
    return file;
  };

  test.each(Object.keys(TEXTS))('is read as if it stood in the setting: %s_FILE', (name) => {
    const file = fileOf(name, `${TEXTS[name]!}\n`);
    const [byFile, byText] = [{ [`${name}_FILE`]: file }, { [name]: TEXTS[name]! }].map((settings) =>
      readConfig({ ...without(name), ...settings }, CONTRACTS),
    );
    expect({ ...byFile, refreshTokenKeys: exported(byFile!) }).toEqual({
      ...byText,
      refreshTokenKeys: exported(byText!),
    });
    expect(readDatabase({ ...without(name), [`${name}_FILE`]: file })).toEqual(byText!.database);
  });

  test.each(Object.keys(TEXTS))('is a mistake where it cannot be what was meant: %s_FILE', (name) => {
    const file = `${name}_FILE`;
    const empty = fileOf('empty', '\n');
    const absent = join(directory, 'absent');
    for (const [settings, said] of [
      [{ [file]: absent }, `${absent}, which ${file} names, cannot be read (ENOENT)`],
      [{ [file]: directory }, `${directory}, which ${file} names, cannot be read (EISDIR)`],
      [{ [file]: empty }, `${empty}, which ${file} names, is empty`],
      [{ [file]: absent, [name]: TEXTS[name]! }, `and ${file} are both set; leave one of them out`],
    ] as const)
      expect(mistakes({ ...without(name), ...settings })).toEqual([`${name}: ${said}`]);
    if (name === 'DATABASE_URL')
      expect(() => readDatabase({ [file]: absent })).toThrow(`${absent}, which ${file} names`);
  });

  test('is in no message', () => {
    const file = fileOf('wrong', `sesame:${SECRET}`);
    const found = mistakesOf({ REFRESH_TOKEN_KEYS: '', REFRESH_TOKEN_KEYS_FILE: file });
    expect(found).toEqual(['REFRESH_TOKEN_KEYS: each key is written kid:secret, with a kid from 0 to 255']);
  });
});

describe('access tokens are signed', () => {
  test('by the key ring, unless the operator says otherwise', () => {
    expect(read().signing).toEqual({ kind: 'ring', period: 30 * 86_400_000 });
  });

  test('with a shared secret', () => {
    const { signing } = read({ ACCESS_TOKEN_SECRET: SECRET });
    expect(signing.kind).toBe('secret');
    expect(signing.kind === 'secret' && signing.secret.export().toString()).toBe(SECRET);
  });

  const keys = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  };
  const ed25519 = generateKeyPairSync('ed25519').privateKey;

  test.each(['ES256', 'ES384', 'RS256'] as const)("with the operator's own key: %s", (algorithm) => {
    const pem = keys[algorithm].export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const written of [pem, pem.replaceAll('\n', '\\n')]) {
      const { signing } = read({ ACCESS_TOKEN_PRIVATE_KEY: written });
      expect(signing).toMatchObject({ kind: 'key', algorithm });
      expect(signing.kind === 'key' && signing.privateKey.equals(keys[algorithm])).toBe(true);
    }
  });

  test('with an EC key as openssl writes it', () => {
    const pem = keys.ES256.export({ type: 'sec1', format: 'pem' }).toString();
    expect(read({ ACCESS_TOKEN_PRIVATE_KEY: pem }).signing).toMatchObject({ algorithm: 'ES256' });
  });

  const pemOf = (key: KeyObject): string =>
    key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString();

  test('with the first of several secrets, and the others verify', () => {
    const { signing } = read({ ACCESS_TOKEN_SECRET: `${SECRET}, ${SECRET}-of-before` });
    const texts = signing.kind === 'secret' && [signing.secret, ...signing.others].map((key) => key.export());
    expect(String(texts)).toBe(`${SECRET},${SECRET}-of-before`);
    expect(mistakesOf({ ACCESS_TOKEN_SECRET: `${SECRET},sesame` })).toEqual([
      expect.stringMatching(/^ACCESS_TOKEN_SECRET: secret 2 is shorter than 32 characters/),
    ]);
    expect(mistakesOf({ ACCESS_TOKEN_SECRET: `${SECRET},${SECRET}` })).toEqual([
      'ACCESS_TOKEN_SECRET: secret 2 is the same as secret 1',
    ]);
    expect(mistakesOf({ ACCESS_TOKEN_SECRET: ',' })).toHaveLength(1);
  });

  test('with the first of several keys, and the others verify, of whose private halves none is needed', () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const pem = [
      parameters + keys.ES256.export({ type: 'sec1', format: 'pem' }).toString(),
      `the one of last year\n${pemOf(createPublicKey(keys.RS256))}`,
      pemOf(keys.ES384),
    ].join('');
    for (const written of [pem, pem.replaceAll('\n', '\\n')]) {
      const { signing } = read({ ACCESS_TOKEN_PRIVATE_KEY: written });
      if (signing.kind !== 'key') throw new Error(signing.kind);
      expect([signing.algorithm, signing.privateKey.equals(keys.ES256)]).toEqual(['ES256', true]);
      expect(signing.others.map(({ algorithm }) => algorithm)).toEqual(['RS256', 'ES384']);
      for (const { algorithm, publicKey } of signing.others)
        expect(publicKey.equals(createPublicKey(keys[algorithm]))).toBe(true);
    }
  });

  test.each([
    [
      'the first',
      () => [createPublicKey(keys.ES256), keys.ES384],
      /^key 1 is not a PEM private key for ES256/,
    ],
    [
      'one of them',
      () => [keys.ES256, ed25519, keys.ES384],
      /^key 2 is not a PEM key, private or public, for/,
    ],
    [
      'the same twice',
      () => [keys.ES256, keys.ES384, createPublicKey(keys.ES256)],
      /^key 3 is the same as key 1$/,
    ],
    ['one that is cut off', () => [keys.ES256, 'cut'], /^has a PEM block that does not end/],
  ] as const)('but not with several of which %s cannot be', (_which, given, sentence) => {
    const texts = given().map((key) =>
      typeof key === 'string' ? pemOf(keys.ES384).slice(0, 99) : pemOf(key),
    );
    const [mistake, ...more] = mistakesOf({ ACCESS_TOKEN_PRIVATE_KEY: texts.join('\n') });
    expect(mistake!.replace('ACCESS_TOKEN_PRIVATE_KEY: ', '')).toMatch(sentence);
    expect([...more, mistake].join()).not.toContain(texts[0]!.split('\n')[1]);
    expect(more).toEqual([]);
  });

  test.each(['ed25519', 'x25519'] as const)('but not with a key of %s, which no setting names', (type) => {
    const { privateKey } = generateKeyPairSync(type as 'ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(mistakesOf({ ACCESS_TOKEN_PRIVATE_KEY: pem })).toHaveLength(1);
  });

  test('but not with an RSA key that is too short', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(mistakesOf({ ACCESS_TOKEN_PRIVATE_KEY: pem })).toEqual([
      expect.stringMatching(/^ACCESS_TOKEN_PRIVATE_KEY: .*2048 bits or more/),
    ]);
  });

  test('but not with a public key', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(mistakesOf({ ACCESS_TOKEN_PRIVATE_KEY: pem })).toHaveLength(1);
  });
});

test('nobody can change the configuration once it is read', () => {
  const config = read({
    CONTRACTS: 'plec',
    ALLOWED_ORIGINS: 'https://app.example.com',
    TRUST_PROXY: 'loopback',
  });
  const thawed: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || value instanceof KeyObject) return;
    if (!Object.isFrozen(value)) thawed.push(path);
    for (const [name, inner] of Object.entries(value)) look(inner, `${path}.${name}`);
  };
  look(config, 'config');
  expect(thawed).toEqual([]);
  expect(() => Object.assign(config.lifetimes, { accessToken: 1 })).toThrow('read only');
});
