// Writes docs/settings.md: names, defaults and ranges as the built service reads them, with what is said of each here.
// With --check, says whether the file is current.
import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { readSettings } from '../dist/config/environment.js';
import { CONTRACTS } from '../dist/contracts/registry.js';

/** What the code does not say of a setting; `otherwise` and `values` where it reckons them itself. */
const NOTES = {
  Database: {
    DATABASE_URL: {
      note: 'PostgreSQL; several hosts as `host:port,host:port`. Without it, an embedded one in `DATA_DIR`, not in production',
    },
    DATABASE_CONNECTIONS: {
      note: 'how many connections each process opens at most; as many times as there are replicas and workers, they must fit into `max_connections`',
    },
    DATA_DIR: {
      otherwise: '`./data`',
      note: 'the embedded database, one process at a time (not on Alpine Linux), and the keys generated for it',
    },
  },
  'Who it is, and for whom': {
    ISSUER: {
      otherwise: '`http://HOST:PORT`, with `localhost` for this machine',
      note: 'the `iss` of access tokens, as it is written; in production required, and https. With an https one, every cookie is `Secure`',
    },
    AUDIENCE: {
      otherwise: 'as `ISSUER`',
      note: 'the `aud` of access tokens whose session names none; in production required',
    },
    CONTRACTS: {
      otherwise: '`plec`',
      note: 'the [APIs](contracts.md) to serve, each with an optional prefix: `plec,watchr@/watchr`. On the embedded database all are, unless it is set',
    },
    HOST: {
      otherwise: '`127.0.0.1`, in production `0.0.0.0`',
      note: 'where it listens',
    },
    PORT: { note: '`0` takes any that is free' },
    NODE_ENV: {
      values: '`production`',
      note: 'secrets, `ISSUER` and `AUDIENCE` must be set, and the database is none of the embedded',
    },
  },
  Keys: {
    REFRESH_TOKEN_KEYS: {
      otherwise: 'generated in embedded mode',
      note: '`kid:secret,...`: the first mints, all verify. `echo "1:$(openssl rand -base64 32)"` makes one',
    },
    SERVICE_KEYS: {
      otherwise: 'generated in embedded mode',
      note: '`name:secret,...`: what login backends authenticate with; `name[role+role]:secret` is [for these roles](login-backends.md#service-keys) alone',
    },
    SIGNING_KEY_PERIOD: { note: 'how long a signing key of the key ring signs' },
    ACCESS_TOKEN_PRIVATE_KEY: {
      note: 'PEM keys of your own (ES256, ES384, RS256), one after another, in place of the key ring: the first signs, all are published',
    },
    ACCESS_TOKEN_SECRET: {
      note: 'shared secrets (HS256), comma-separated, in place of the key ring: the first signs, all verify',
    },
  },
  'Tokens and sessions': {
    ACCESS_TOKEN_TTL: { note: 'how long an access token lives' },
    SESSION_IDLE_TTL: { note: 'how long a session lives without a refresh' },
    SESSION_MAX_TTL: { note: 'how long it lives in all' },
    SESSION_RETENTION: { note: 'how long the row of a session is kept after its deadline' },
    LAST_USED_PRECISION: {
      note: 'how exactly people see [when their sessions were last used](frontends.md#your-devices): the beginning of the day, of the hour, or the moment',
    },
    MAX_SESSIONS_PER_SUBJECT: {
      note: 'how many sessions of one client id a subject may have: one more ends the one that was unused for longest. `0` is no limit',
    },
    ROTATION_GRACE: {
      note: 'for how long after a refresh the same token may come again and is given the same new one: two tabs, a double click, a retry. `0` is strict mode: a token that comes twice ends its session',
    },
    RECOVERY_WINDOW: {
      otherwise: '`3d`, or `SESSION_IDLE_TTL` if that is less',
      values: '`0` to `SESSION_IDLE_TTL`',
      note: 'for how long after a refresh whose answer was lost the old token is still good, unless the new one was used. `0`: for no longer than `ROTATION_GRACE`',
    },
    DRY_RUN: {
      note: 'which [dry runs](frontends.md#dry-runs) there are: of every token, of the `samples` alone, or none',
    },
  },
  'Pages and cookies': {
    ALLOWED_ORIGINS: { note: "origins whose pages may use the cookie, beside the service's own" },
    PLAYGROUND_ORIGINS: { note: 'documentation sites that may call dry runs, without cookies' },
    COOKIE_PREFIX: { note: '`__Host-` is [the best there is](frontends.md#cookies)' },
    COOKIE_NAME: {
      otherwise: 'as its contract has it',
      note: 'another name for the refresh cookie, in every contract',
    },
    COOKIE_PATH: {
      otherwise: 'where its contract is',
      note: '`/` if [a server that renders pages](frontends.md#a-server-that-renders-pages) needs it',
    },
    COOKIE_DOMAIN: { note: 'a domain, if hosts below it need the cookie' },
    COOKIE_SAMESITE: { note: '`None` if pages of another site use it' },
    COOKIE_PARTITIONED: {
      note: '`on`: a browser keeps a cookie for each site that embeds the service, as it must with `None` where it blocks third-party cookies',
    },
    NEST_AUTH_TOKEN_TYPE: {
      note: 'where the contract `nest-auth` puts tokens. Not set, each request chooses',
    },
    CONSOLE: {
      otherwise: '`on`, in production `off`',
      note: '`on` serves [the console](support.md#the-console) for support at `/console`',
    },
    DOCS: { note: '`off` hides `/docs`, and the page at `/`, which names the version' },
  },
  'Moving in': {
    LEGACY_TOKENS: {
      values: '`sha256`, `sha256x2`, `better-auth`, `hydra`, `jwt`, `issuer`',
      note: 'which refresh tokens of [the system before](moving-in/README.md) are taken, and until which day (UTC): `sha256@2027-03-01,...`',
    },
    LEGACY_COOKIES: {
      values: '`name`, `name@/path`',
      note: 'cookies of the system before, by their whole names, and with their path if it is neither `/` nor that of the contract: read beside its own, and cleared once that is set',
    },
    LEGACY_BETTER_AUTH_SECRETS: { note: 'for `better-auth`: its secrets, old ones too' },
    LEGACY_HYDRA_SECRETS: { note: 'for `hydra`: its system secrets, old ones too' },
    LEGACY_JWT: {
      values: '`algorithm:claim`',
      note: 'for `jwt`: how they are signed (HS256, HS384, HS512, RS256, ES256), which claims name the session, and what others must be: `HS512:sid+azp+typ:typ=Refresh|Offline`',
    },
    LEGACY_ISSUER_TOKEN_ENDPOINT: {
      note: 'for `issuer`: where tokens that are known nowhere else are [redeemed](moving-in/issuer.md), once each',
    },
    LEGACY_ISSUER_CLIENT_ID: { note: 'as which of its clients' },
    LEGACY_ISSUER_CLIENT_SECRET: { note: 'that client, if it has one' },
    LEGACY_ISSUER_CLAIMS: {
      otherwise: '`subject=sub`',
      values: '`ours=theirs,...`',
      note: 'what of its ID token, or else of its access token, goes into the session: `tenant=org_id`',
    },
    LEGACY_JWT_KEYS: {
      note: 'for `jwt`: the secrets, such that are no text as `base64:...`; or PEM public keys, one after another',
    },
  },
  Limits: {
    TRUST_PROXY: {
      note: 'whose `X-Forwarded-*` to believe: a number of hops, or addresses and networks, or `loopback`',
    },
    RATE_LIMIT_PER_ADDRESS: { note: 'requests a minute, dry runs counted by themselves; `0` is no limit' },
    RATE_LIMIT_PER_SESSION: { note: 'likewise' },
    RATE_LIMIT_WRONG_SERVICE_KEYS: { note: 'a minute, of an address; a right one always passes' },
    RATE_LIMIT_UNKNOWN_TOKENS: {
      note: 'a minute, of an address: tokens of [the system before](moving-in/README.md) that only the database can tell are none',
    },
    RATE_LIMIT_STORE: {
      note: 'where they are counted: `memory` is in each process; `postgresql` for all replicas',
    },
  },
  'The process': {
    WORKERS: {
      values: '1 to 256, or `auto`',
      note: 'how many processes share the port; `auto` is one a core ([when](operators.md#every-core))',
    },
    BATCH_SIZE: { note: 'how many concurrent refreshes may share one statement; `1` gives each its own' },
    LOG_LEVEL: { note: 'the least that is logged' },
    LOG_FORMAT: {
      note: '`json` lines, `pretty` for people, or `auto`: for people where standard output is a terminal',
    },
    HISTORY_RETENTION: {
      note: 'how long [what happened to a session](support.md#what-happened-to-a-session) is kept after its row is gone',
    },
    HISTORY_CALLERS: {
      note: 'what it keeps of those who came: `full` is address and `User-Agent`, `short` the network in place of the address (24 bits of IPv4, 48 of IPv6), `off` nothing',
    },
    LOG_SUBJECTS: {
      note: 'how the log names subjects: `hashed`, by a hash keyed with the first of `REFRESH_TOKEN_KEYS`, or `off`',
    },
  },
  Traces: {
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      note: 'a collector that takes OTLP over HTTP, such as `http://localhost:4318`. Without it, or the next, no [traces](operators.md#traces) are recorded',
    },
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: { note: 'the same for traces alone, with its path: `.../v1/traces`' },
    OTEL_EXPORTER_OTLP_HEADERS: { note: 'what it wants to be told: `name=value,...`' },
    OTEL_SERVICE_NAME: { note: 'what traces call the service' },
    OTEL_RESOURCE_ATTRIBUTES: { note: 'what else they say of it: `deployment.environment.name=staging,...`' },
    OTEL_TRACES_SAMPLER: { note: 'which of them are recorded' },
    OTEL_TRACES_SAMPLER_ARG: { note: 'the part of them, for the samplers that end in `traceidratio`' },
    OTEL_SDK_DISABLED: { note: '`true`: none, whatever the others say' },
  },
};

const read = readSettings({ DATABASE_URL: 'postgresql://localhost/none' }, CONTRACTS);
const isFile = (name) => name.endsWith('_FILE') && read.has(name.slice(0, -5));
const names = [...read.keys()].filter((name) => !isFile(name));
const noted = Object.values(NOTES).flatMap((group) => Object.keys(group));
const apart = [
  ...names.filter((name) => !noted.includes(name)),
  ...noted.filter((name) => !names.includes(name)),
];
if (apart.length > 0) throw new Error(`either read or described, but not both: ${apart.join(', ')}`);

const code = (text) => (text ? `\`${text}\`` : '');
const written = (values) =>
  typeof values === 'string'
    ? values.replace(/(\S+) to (\S+)/, '`$1` to `$2`')
    : (values ?? []).map(code).join(', ');
const rows = (group) =>
  Object.entries(group).map(([name, { note, ...own }]) => {
    const { otherwise, values } = read.get(name);
    const cells = [code(name), own.otherwise ?? code(otherwise), own.values ?? written(values), note];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
const text = `# Settings

<!-- Written by docs/write-settings.js; change it there, and run: npm run docs -->

Read from the environment, once, at start; every mistake is reported together, and a variable that looks like a misspelt
setting is a warning. Durations are written \`10s\`, \`15m\`, \`14d\`. What holds secrets may stand in a file instead, whose
path is the value of ${names
  .filter((name) => read.has(`${name}_FILE`))
  .map((name) => code(`${name}_FILE`))
  .join(', ')}.

${Object.entries(NOTES)
  .map(
    ([title, group]) =>
      `## ${title}\n\n| setting | if not set | values | |\n| --- | --- | --- | --- |\n${rows(group).join('\n')}\n`,
  )
  .join('\n')}`;

const file = new URL('settings.md', import.meta.url);
const page = await format(text, { parser: 'markdown' });
if (!process.argv.includes('--check')) await writeFile(file, page);
else if ((await readFile(file, 'utf8').catch(() => '')) !== page) {
  console.error('docs/settings.md is not current. Run: npm run docs');
  process.exitCode = 1;
}
