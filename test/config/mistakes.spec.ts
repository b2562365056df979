import { OTHER_SECRET, SECRET, mistakesOf, read, type Environment } from './a-server.ts';

describe('each message says what to mend:', () => {
  test.each<[wrong: Environment, said: string | RegExp]>([
    [{ PORT: 'http' }, 'PORT: "http" is not a whole number from 0 to 65535'],
    [{ DATABASE_URL: 'mysql://db.example' }, 'DATABASE_URL: is not a postgresql:// URL'],
    [{ DATABASE_URL: 'postgresql://db.example:port/ratchet' }, 'DATABASE_URL: is not a postgresql:// URL'],
    [{ DATABASE_URL: 'postgresql://one.example,/ratchet' }, 'DATABASE_URL: is not a postgresql:// URL'],
    [{ DATABASE_URL: 'postgresql://one.example,one.example/ratchet' }, 'DATABASE_URL: names a server twice'],
    [
      { DATABASE_URL: 'postgresql://one.example,two.example/ratchet?target_session_attrs=standby' },
      /^DATABASE_URL: asks for a server with target_session_attrs=standby, but Ratchet must write/,
    ],
    [
      { DATABASE_URL: 'postgresql://db.example/ratchet?pgbouncer=1' },
      'DATABASE_URL: has pgbouncer=1, which is neither true nor false',
    ],
    [{ ACCESS_TOKEN_TTL: '15 min' }, /^ACCESS_TOKEN_TTL: "15 min" is not a duration; write it as 15m/],
    [{ ACCESS_TOKEN_TTL: '25h' }, 'ACCESS_TOKEN_TTL: 25h is outside 1s to 24h'],
    [{ ACCESS_TOKEN_TTL: '1500ms' }, /^ACCESS_TOKEN_TTL: .*second/],
    [{ SESSION_IDLE_TTL: '3651d' }, 'SESSION_IDLE_TTL: 3651d is outside 1s to 3650d'],
    [{ SESSION_MAX_TTL: '999ms' }, 'SESSION_MAX_TTL: 999ms is outside 1s to 3650d'],
    [{ ROTATION_GRACE: '61s' }, 'ROTATION_GRACE: 61s is outside 0 to 60s'],
    [{ RECOVERY_WINDOW: '15d' }, 'RECOVERY_WINDOW: 15d is outside 0 to 14d'],
    [{ RECOVERY_WINDOW: '2h', SESSION_IDLE_TTL: '1h' }, 'RECOVERY_WINDOW: 2h is outside 0 to 1h'],
    [{ REFRESH_TOKEN_KEYS: SECRET }, /^REFRESH_TOKEN_KEYS: each key is written kid:secret/],
    [{ REFRESH_TOKEN_KEYS: `256:${SECRET}` }, /^REFRESH_TOKEN_KEYS: .* kid from 0 to 255/],
    [{ REFRESH_TOKEN_KEYS: '1:short' }, /^REFRESH_TOKEN_KEYS: .* key 1 is shorter than 32 .*openssl rand/],
    [{ REFRESH_TOKEN_KEYS: `1:${SECRET},01:${OTHER_SECRET}` }, 'REFRESH_TOKEN_KEYS: kid 1 is there twice'],
    [{ REFRESH_TOKEN_KEYS: ',' }, /^REFRESH_TOKEN_KEYS: is not set; make one with: .*openssl rand/],
    [{ SERVICE_KEYS: `my login:${SECRET}` }, /^SERVICE_KEYS: each key is written name:secret/],
    [{ SERVICE_KEYS: SECRET }, /^SERVICE_KEYS: each key is written name:secret/],
    [{ SERVICE_KEYS: 'login:short' }, /^SERVICE_KEYS: .* key 1 is shorter than 32 .*openssl rand/],
    [{ SERVICE_KEYS: `login:${SECRET},login:${OTHER_SECRET}` }, 'SERVICE_KEYS: two keys have one name'],
    [
      { SERVICE_KEYS: `a:${SECRET},b[metric]:${OTHER_SECRET}` },
      'SERVICE_KEYS: key 2 has a role that is none; there are metrics, sessions, support, clients',
    ],
    [{ SERVICE_KEYS: `a[]:${SECRET}` }, /^SERVICE_KEYS: key 1 has a role that is none/],
    [{ SERVICE_KEYS: `a[metrics:${SECRET}` }, /^SERVICE_KEYS: each key is written name:secret or name\[role/],
    [
      { SERVICE_KEYS: `${'a1'.repeat(20)}:login` },
      /^SERVICE_KEYS: .* key 1 .*behind the name, as name:secret/,
    ],
    [{ SERVICE_KEYS: ',' }, /^SERVICE_KEYS: is not set/],
    [{ SERVICE_KEYS: `login:a blank that no bearer token can have in it` }, /^SERVICE_KEYS: /],
    [{ SERVICE_KEYS: `login:${'é'.repeat(40)}` }, /^SERVICE_KEYS: /],
    [{ NODE_ENV: 'prod' }, 'NODE_ENV: "prod" is not known; did you mean production?'],
    [{ NODE_ENV: 'Production' }, 'NODE_ENV: "Production" is not known; did you mean production?'],
    [{ COOKIE_NAME: 'a b' }, /^COOKIE_NAME: "a b" is not 1 to 64 of/],
    [{ COOKIE_NAME: '__Host-rt' }, /^COOKIE_NAME: .* COOKIE_PREFIX says/],
    [{ COOKIE_PATH: 'auth' }, 'COOKIE_PATH: "auth" is not / or a path such as /auth'],
    [{ COOKIE_PATH: '/; Domain=a' }, /^COOKIE_PATH: /],
    [
      { COOKIE_PATH: '/auth', COOKIE_PREFIX: '__Host-' },
      'COOKIE_PATH: can only be / with COOKIE_PREFIX=__Host-',
    ],
    [{ CONTRACTS: 'plek' }, 'CONTRACTS: "plek" is not a contract; there are plec, watchr'],
    [{ CONTRACTS: 'plec@watchr' }, 'CONTRACTS: the prefix "watchr" is not a path such as /watchr'],
    [{ CONTRACTS: 'plec@/' }, 'CONTRACTS: the prefix "/" is not a path such as /watchr'],
    [{ CONTRACTS: 'plec@/a/' }, 'CONTRACTS: the prefix "/a/" is not a path such as /watchr'],
    [{ CONTRACTS: 'plec@/:id' }, 'CONTRACTS: the prefix "/:id" is not a path such as /watchr'],
    [{ CONTRACTS: 'plec@/..' }, 'CONTRACTS: the prefix "/.." is not a path such as /watchr'],
    [{ CONTRACTS: ',' }, /^CONTRACTS: /],
    [{ ISSUER: 'auth.example.com' }, /^ISSUER: "auth.example.com" is not an http\(s\) URL/],
    [{ ISSUER: 'https://auth.example.com?tenant=1' }, /^ISSUER: .* without user, query and fragment/],
    [{ ISSUER: 'ftp://auth.example.com' }, /^ISSUER: /],
    [{ ISSUER: 'https:auth.example.com' }, /^ISSUER: /],
    [
      { ISSUER: 'https://me:secret@auth.example.com' },
      'ISSUER: "https://…@auth.example.com" is not an http(s) URL without user, query and fragment',
    ],
    [{ ISSUER: 'https://auth.example.com\\tenant' }, /^ISSUER: /],
    [{ ISSUER: 'https://auth.example.com:port' }, /^ISSUER: /],
    [
      { ISSUER: 'https://auth.example.com/:tenant' },
      'ISSUER: "https://auth.example.com/:tenant" has a path that is not like /tenant',
    ],
    [{ ISSUER: 'https://auth.example.com/a/../b' }, /^ISSUER: .* not like \/tenant/],
    [{ ISSUER: 'https://auth.example.com//' }, /^ISSUER: .* not like \/tenant/],
    [{ HOST: 'no host' }, /^ISSUER: /],
    [{ ACCESS_TOKEN_SECRET: 'short' }, /^ACCESS_TOKEN_SECRET: is shorter than 32 .*openssl rand/],
    [{ ACCESS_TOKEN_SECRET: SECRET, ACCESS_TOKEN_PRIVATE_KEY: 'x' }, /^ACCESS_TOKEN_SECRET: .* both set/],
    [
      { ACCESS_TOKEN_PRIVATE_KEY: 'not a PEM' },
      /^ACCESS_TOKEN_PRIVATE_KEY: is not a PEM private key for ES256/,
    ],
    [{ COOKIE_PREFIX: '__Host-', COOKIE_DOMAIN: 'example.com' }, /^COOKIE_DOMAIN: cannot be set with/],
    [{ COOKIE_DOMAIN: 'example.com; Secure' }, 'COOKIE_DOMAIN: "example.com; Secure" is not a domain'],
    [{ COOKIE_SAMESITE: 'no' }, 'COOKIE_SAMESITE: "no" is not one of Strict, Lax, None'],
    [{ COOKIE_PREFIX: '__Http-' }, 'COOKIE_PREFIX: "__Http-" is not one of __Host-, __Secure-'],
    [{ DOCS: 'true' }, 'DOCS: "true" is not one of on, off'],
    [{ DRY_RUN: 'true' }, 'DRY_RUN: "true" is not one of on, samples, off'],
    [
      { LOG_LEVEL: 'loud' },
      /^LOG_LEVEL: "loud" is not one of fatal, error, warn, info, debug, trace, silent$/,
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: is not an http/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x' }, /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: is not an http/],
    [
      { OTEL_TRACES_SAMPLER: 'Always_On' },
      /^OTEL_TRACES_SAMPLER: "Always_On" is not one of parentbased_always_on, /,
    ],
    [{ OTEL_TRACES_SAMPLER_ARG: '10%' }, 'OTEL_TRACES_SAMPLER_ARG: "10%" is not a number from 0 to 1'],
    [{ OTEL_TRACES_SAMPLER_ARG: '2' }, 'OTEL_TRACES_SAMPLER_ARG: "2" is not a number from 0 to 1'],
    [{ OTEL_SDK_DISABLED: 'yes' }, 'OTEL_SDK_DISABLED: "yes" is not one of true, false'],
    [{ RATE_LIMIT_PER_SESSION: '1e3' }, /^RATE_LIMIT_PER_SESSION: "1e3" is not a whole number from 0/],
  ])('%j', (wrong, said) => {
    expect(mistakesOf(wrong)).toEqual([
      typeof said === 'string' ? said : (expect.stringMatching(said) as string),
    ]);
  });

  test.each([
    '*',
    'https://*.example.com',
    'null',
    'app.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://app.example.com:443',
    'https://APP.example.com',
    'https://user@app.example.com',
    'file:///index.html',
  ])('%j is no origin that a browser would send', (origin) => {
    for (const name of ['ALLOWED_ORIGINS', 'PLAYGROUND_ORIGINS']) {
      expect(mistakesOf({ [name]: origin })).toEqual([
        `${name}: "${origin}" is not an origin; write it as https://app.example.com, without a path`,
      ]);
    }
  });

  test.each([
    ['false', false],
    ['off', false],
    ['0', 0],
    ['1', 1],
    ['loopback', ['loopback']],
    ['10.0.0.0/8, fd00::/8, 192.0.2.1', ['10.0.0.0/8', 'fd00::/8', '192.0.2.1']],
  ])('TRUST_PROXY=%s is understood', (text, trusted) => {
    expect(read({ TRUST_PROXY: text }).trustProxy).toEqual(trusted);
  });

  test.each([
    'true',
    '*',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/0',
    'fd00::/129',
    '10.0.0',
    '-1',
    'proxy.example',
  ])('TRUST_PROXY=%s is not, since the server could not do as it says', (text) => {
    expect(mistakesOf({ TRUST_PROXY: text })).toEqual([
      expect.stringMatching(/^TRUST_PROXY: .*is not a number of hops, an address, a network/),
    ]);
  });
});

test.each([
  ['RATE_LIMIT_ADDRESS', 'RATE_LIMIT_PER_ADDRESS'],
  ['COOKIE_SAME_SITE', 'COOKIE_SAMESITE'],
  ['COOKIE_PREFX', 'COOKIE_PREFIX'],
  ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
  ['TRUSTED_PROXY', 'TRUST_PROXY'],
  ['cookie_path', 'COOKIE_PATH'],
])('%s is told of %s, and the service starts', (given, meant) => {
  expect(read({ [given]: '1' }).misspelt).toEqual([`${given} is no setting; did you mean ${meant}?`]);
});

test('what other programs read is nobody’s mistake', () => {
  const others = [
    'HOSTNAME',
    'HOME',
    'PATH',
    'LOGNAME',
    'DATABASE_URL_TEST',
    'NODE_OPTIONS',
    'NODE_EXTRA_CA_CERTS',
    'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
  ];
  const kubernetes = ['RATCHET_PORT', 'RATCHET_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'];
  const environment = Object.fromEntries([...others, ...kubernetes].map((name) => [name, 'x']));
  expect(read({ ...environment, DATA_DIR: './data', SERVICE_KEYS_FILE: '' }).misspelt).toEqual([]);
});

describe('a secret', () => {
  test.each<Environment>([
    { REFRESH_TOKEN_KEYS: SECRET },
    { REFRESH_TOKEN_KEYS: `one:${SECRET}` },
    { REFRESH_TOKEN_KEYS: `999:${SECRET}` },
    { REFRESH_TOKEN_KEYS: `1:${SECRET},1:${SECRET}` },
    { REFRESH_TOKEN_KEYS: '1:sesame' },
    { SERVICE_KEYS: SECRET },
    { SERVICE_KEYS: `${SECRET},${SECRET}` },
    { SERVICE_KEYS: `my login:${SECRET}` },
    { SERVICE_KEYS: `login:${SECRET},login:${SECRET}` },
    { SERVICE_KEYS: 'login:sesame' },
    { SERVICE_KEYS: 'sesame:login' },
    { SERVICE_KEYS: `${SECRET}:login` },
    { SERVICE_KEYS: `${SECRET}:login,support:${OTHER_SECRET}` },
    { SERVICE_KEYS: `${SECRET}[metrics]:login` },
    { SERVICE_KEYS: `login[${SECRET}]:login` },
    { SERVICE_KEYS: `${SECRET}:${OTHER_SECRET},${SECRET}:${OTHER_SECRET}` },
    { REFRESH_TOKEN_KEYS: `${SECRET}:1` },
    { DATABASE_URL: `postgresql://ratchet:${SECRET}@one.example,one.example/ratchet` },
    { DATABASE_URL: `postgresql://ratchet:${SECRET}@a.example,b.example/x?target_session_attrs=standby` },
    { DATABASE_URL: `mysql://ratchet:${SECRET}@db.example/ratchet` },
    { DATABASE_URL: `postgresql://ratchet:${SECRET}@db.example:port/ratchet` },
    { ACCESS_TOKEN_SECRET: 'sesame' },
    { ACCESS_TOKEN_SECRET: SECRET, ACCESS_TOKEN_PRIVATE_KEY: SECRET },
    { ACCESS_TOKEN_PRIVATE_KEY: SECRET },
  ])('is in no message: %j', (environment) => {
    const found = mistakesOf(environment);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).not.toContain('sesame');
  });
});
