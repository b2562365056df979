import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, readDatabase } from '../../src/config/environment.ts';
import { CONTRACTS, OTHER_SECRET, SECRET, SERVER, mistakes, mistakesOf, read } from './a-server.ts';

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
      issuer: 'http://127.0.0.1:3000',
      audience: 'http://127.0.0.1:3000',
      signing: { kind: 'ring', period: 30 * 86_400_000 },
      lifetimes: { accessToken: 900, idle: 14 * 86_400, max: 90 * 86_400 },
      rotationGrace: 10_000,
      allowedOrigins: [],
      playgroundOrigins: [],
      cookie: { prefix: '', sameSite: 'Strict' },
      docs: true,
      trustProxy: false,
      rateLimits: { perAddress: 600, perSession: 120 },
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
    expect(first.refreshTokenKeys[0].secret.toString()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(first.serviceKeys[0]).toMatchObject({
      name: 'local',
      secret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
      file: join(directory, 'service-key'),
    });
    expect(readFileSync(join(directory, 'service-key'), 'utf8').trim()).toBe(first.serviceKeys[0]!.secret);
    expect(second.refreshTokenKeys).toEqual(first.refreshTokenKeys);
    expect(second.serviceKeys).toEqual(first.serviceKeys);
  });

  test('gets other secrets than everybody else', () => {
    const mine = readConfig({ DATA_DIR: join(directory, 'mine') }, CONTRACTS);
    const yours = readConfig({ DATA_DIR: join(directory, 'yours') }, CONTRACTS);
    expect(mine.refreshTokenKeys[0].secret.equals(yours.refreshTokenKeys[0].secret)).toBe(false);
    expect(mine.serviceKeys[0]!.secret).not.toBe(yours.serviceKeys[0]!.secret);
    expect(mine.serviceKeys[0]!.secret).not.toBe(mine.refreshTokenKeys[0].secret.toString());
  });

  test('may still bring secrets of their own', () => {
    const config = readConfig(
      { DATA_DIR: directory, REFRESH_TOKEN_KEYS: `9:${SECRET}`, SERVICE_KEYS: `mine:${OTHER_SECRET}` },
      CONTRACTS,
    );
    expect(config.refreshTokenKeys).toEqual([{ kid: 9, secret: Buffer.from(SECRET) }]);
    expect(config.serviceKeys).toEqual([{ name: 'mine', secret: OTHER_SECRET }]);
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

describe('in production', () => {
  test('the service does not run on the embedded database, and makes no files', () => {
    const { DATABASE_URL: _, ...rest } = SERVER;
    const environment = { ...rest, NODE_ENV: 'production', ISSUER: 'https://auth.example.com' };
    expect(mistakes({ ...environment, DATA_DIR: join(tmpdir(), 'ratchet-never-made') })).toEqual([
      'DATABASE_URL: is not set, and NODE_ENV=production does not run on the embedded database',
    ]);
    expect(() => statSync(join(tmpdir(), 'ratchet-never-made'))).toThrow('ENOENT');
    expect(() => readDatabase({ NODE_ENV: 'production' })).toThrow('DATABASE_URL: is not set');
  });

  test('it listens on all addresses and wants to be told the issuer', () => {
    expect(mistakesOf({ NODE_ENV: 'production' })).toEqual([expect.stringMatching(/^ISSUER: is not set/)]);
    const config = read({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com' });
    expect(config).toMatchObject({ production: true, host: '0.0.0.0', issuer: 'https://auth.example.com' });
  });

  test('it is told where its secrets are to come from', () => {
    const found = mistakes({ NODE_ENV: 'production' });
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'DATABASE_URL',
      'ISSUER',
      'REFRESH_TOKEN_KEYS',
      'SERVICE_KEYS',
    ]);
    expect(found.filter((line) => line.includes('openssl rand -base64 32'))).toHaveLength(2);
  });
});

describe('an operator', () => {
  test('who sets everything finds it in the configuration', () => {
    const config = read({
      HOST: '::1',
      PORT: '8080',
      REFRESH_TOKEN_KEYS: ` 2:${OTHER_SECRET} , 1:${SECRET} `,
      SERVICE_KEYS: `login:${SECRET},support:${OTHER_SECRET}`,
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
      TRUST_PROXY: '2',
      RATE_LIMIT_PER_ADDRESS: '0',
      RATE_LIMIT_PER_SESSION: '7',
      LOG_LEVEL: 'DEBUG',
    });
    expect(config).toMatchObject({
      host: '::1',
      port: 8080,
      database: { kind: 'postgresql', url: SERVER['DATABASE_URL'] },
      refreshTokenKeys: [
        { kid: 2, secret: Buffer.from(OTHER_SECRET) },
        { kid: 1, secret: Buffer.from(SECRET) },
      ],
      serviceKeys: [
        { name: 'login', secret: SECRET },
        { name: 'support', secret: OTHER_SECRET },
      ],
      contracts: [
        { name: 'plec', prefix: '' },
        { name: 'watchr', prefix: '/watchr/v1' },
      ],
      issuer: 'http://[::1]:8080',
      audience: 'https://api.example.com',
      signing: { kind: 'ring', period: 7 * 86_400_000 },
      lifetimes: { accessToken: 300, idle: 3_600, max: 7 * 86_400 },
      rotationGrace: 0,
      allowedOrigins: ['https://app.example.com', 'http://localhost:5173'],
      playgroundOrigins: ['https://docs.example.com'],
      cookie: { prefix: '__Secure-', domain: 'example.com', sameSite: 'Lax' },
      docs: false,
      trustProxy: 2,
      rateLimits: { perAddress: 0, perSession: 7 },
      logLevel: 'debug',
    });
  });

  test('who leaves a setting empty has not set it', () => {
    expect(read({ PORT: '', AUDIENCE: '  ', ROTATION_GRACE: '\t', CONTRACTS: '' })).toEqual(read());
  });

  test('whose secret holds a colon keeps all of it', () => {
    const { refreshTokenKeys, serviceKeys } = read({
      REFRESH_TOKEN_KEYS: `1:${SECRET}:${SECRET}`,
      SERVICE_KEYS: `login:${SECRET}:${SECRET}`,
    });
    expect(refreshTokenKeys[0].secret.toString()).toBe(`${SECRET}:${SECRET}`);
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
      ALLOWED_ORIGINS: '*',
      PLAYGROUND_ORIGINS: 'docs.example.com',
      COOKIE_DOMAIN: 'https://example.com',
      COOKIE_SAMESITE: 'no',
      COOKIE_PREFIX: '__Http-',
      DOCS: 'maybe',
      TRUST_PROXY: 'everybody',
      RATE_LIMIT_PER_ADDRESS: '-1',
      RATE_LIMIT_PER_SESSION: '1.5',
      LOG_LEVEL: 'loud',
    };
    const found = mistakesOf(wrong);
    expect(found.map((line) => line.split(':')[0]).toSorted()).toEqual(Object.keys(wrong).toSorted());
    expect(() => read(wrong)).toThrow(`The configuration has 21 mistakes:\n  ${found.join('\n  ')}`);
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
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return;
    if (!Object.isFrozen(value)) thawed.push(path);
    for (const [name, inner] of Object.entries(value)) look(inner, `${path}.${name}`);
  };
  look(config, 'config');
  expect(thawed).toEqual([]);
  expect(() => Object.assign(config.lifetimes, { accessToken: 1 })).toThrow('read only');
});
