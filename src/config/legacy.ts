import { createPublicKey, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { RESERVED_CLAIMS } from '../core/access-token.js';
import type { ClaimsMapping } from '../core/issuer-answer.js';
import { LEGACY_JWT_ALGORITHMS, type JwtLane, type LegacyJwtAlgorithm } from '../core/legacy-jwt.js';
import { LEGACY_LANES, type LegacyLane, type LegacyLaneName, type OpenLane } from '../core/legacy-token.js';
import type { Settings } from './settings.js';
import { firstTwice, isPlainPath, parseUrl, splitOnce } from './text.js';

/** What is taken of the system that this service has taken the place of. */
export interface LegacyConfig {
  /** The lanes on which its refresh tokens are recognised, closed ones too. */
  readonly lanes: readonly OpenLane[];
  /** The cookies that its refresh tokens come in. */
  readonly cookies: readonly LegacyCookie[];
  /** Where tokens are redeemed that are known nowhere else; undefined unless that lane is open. */
  readonly issuer: LegacyIssuerConfig | undefined;
}

/** The token endpoint of the issuer of before, and as which of its clients this service asks it. */
export interface LegacyIssuerConfig {
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly mapping: ClaimsMapping;
}

/** A cookie of the other system: its whole name, and its path if that is none where this service would look for it. */
export interface LegacyCookie {
  readonly name: string;
  readonly path: string | undefined;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const AN_EXAMPLE = 'sha256@2027-03-01';
const PEM_PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----/gs;
/** How a secret is given that is no text: its bytes in base64, of either alphabet. */
const IN_BASE64 = 'base64:';

/** The settings that begin with LEGACY_. */
export function readLegacy(settings: Settings): LegacyConfig {
  const opened = settings.list('LEGACY_TOKENS', readLane);
  const twice = firstTwice(opened.map(({ name }) => name));
  if (twice) settings.mistake('LEGACY_TOKENS', `${twice} is there twice`, undefined);
  const keys = {
    'better-auth': readSecrets(settings, 'LEGACY_BETTER_AUTH_SECRETS', (secret) => secret),
    // What Hydra makes of each of its SECRETS_SYSTEM before anything is signed with it.
    hydra: readSecrets(settings, 'LEGACY_HYDRA_SECRETS', (secret) => hash('sha256', secret, 'buffer')),
  };
  const jwt = readJwt(settings);
  const issuer = readIssuer(settings);
  const lanes = opened.flatMap(({ name, closesAt }): OpenLane[] => {
    const lane = laneOf(name, keys, jwt, issuer);
    if (typeof lane !== 'string') return [{ lane, closesAt }];
    if (lane.split(' and ').some((each) => settings.faults(each))) return [];
    return settings.mistake('LEGACY_TOKENS', `opens ${name}, for which ${lane} must be set`, []);
  });
  return { lanes, cookies: readCookies(settings), issuer };
}

/** The settings that begin with LEGACY_ISSUER_. */
function readIssuer(settings: Settings): LegacyIssuerConfig | undefined {
  const endpoint = settings.text('LEGACY_ISSUER_TOKEN_ENDPOINT');
  const clientId = settings.text('LEGACY_ISSUER_CLIENT_ID');
  const clientSecret = settings.text('LEGACY_ISSUER_CLIENT_SECRET');
  const pairs = settings.list('LEGACY_ISSUER_CLAIMS', (item) => {
    const [ours, theirs] = splitOnce(item, '=');
    if (!ours || !theirs)
      return { mistake: `"${item}" is not written ours=theirs, such as subject=sub or tenant=org_id` };
    if (RESERVED_CLAIMS.has(ours)) return { mistake: `${ours} is a claim that the service sets itself` };
    return { value: [ours, theirs] as const };
  });
  if (endpoint === undefined || clientId === undefined) return undefined;
  const url = parseUrl(endpoint);
  const isHere = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && isHere)))
    return settings.mistake<LegacyIssuerConfig | undefined>(
      'LEGACY_ISSUER_TOKEN_ENDPOINT',
      'is not an https URL, such as https://example.eu.auth0.com/oauth/token',
      undefined,
    );
  const claims = new Map(pairs.filter(([ours]) => ours !== 'subject'));
  const subject = pairs.find(([ours]) => ours === 'subject')?.[1] ?? 'sub';
  return { endpoint, clientId, clientSecret, mapping: { subject, claims } };
}

/** LEGACY_COOKIES, a list of `<name>` or `<name>@<path>`. */
function readCookies(settings: Settings): LegacyCookie[] {
  const cookies = settings.list('LEGACY_COOKIES', (item) => {
    const [name, path] = splitOnce(item, '@');
    // A token (RFC 6265 section 4.1.1).
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name))
      return { mistake: `"${name}" is not the name of a cookie` };
    if (path && path !== '/' && !isPlainPath(path))
      return { mistake: `the path "${path}" of ${name} is not a path such as /auth` };
    return { value: { name, path: path || undefined } };
  });
  const twice = firstTwice(cookies.map(({ name }) => name));
  if (twice) settings.mistake('LEGACY_COOKIES', `${twice} is there twice`, undefined);
  if (cookies.length > 0 && !settings.text('LEGACY_TOKENS'))
    settings.mistake(
      'LEGACY_COOKIES',
      'are read for the tokens that LEGACY_TOKENS opens lanes for, which is not set',
      undefined,
    );
  return cookies;
}

function readLane(item: string): { value: { name: LegacyLaneName; closesAt: Date } } | { mistake: string } {
  const [name, date] = splitOnce(item, '@');
  if (!isLane(name)) return { mistake: `"${name}" is not a lane; there are ${LEGACY_LANES.join(', ')}` };
  const closesAt = new Date(`${date}T00:00:00Z`);
  if (!DATE.test(date) || Number.isNaN(closesAt.getTime()) || !closesAt.toISOString().startsWith(date))
    return { mistake: `${name} must say on which day it closes: write it as ${AN_EXAMPLE}` };
  return { value: { name, closesAt } };
}

function isLane(name: string): name is LegacyLaneName {
  return (LEGACY_LANES as readonly string[]).includes(name);
}

/** The lane, or the setting that it lacks. */
function laneOf(
  name: LegacyLaneName,
  keys: Readonly<Record<'better-auth' | 'hydra', readonly KeyObject[]>>,
  jwt: JwtLane | undefined,
  issuer: LegacyIssuerConfig | undefined,
): LegacyLane | string {
  if (name === 'issuer')
    return issuer ? { name } : 'LEGACY_ISSUER_TOKEN_ENDPOINT and LEGACY_ISSUER_CLIENT_ID';
  if (name === 'jwt') return jwt ? { name, ...jwt } : 'LEGACY_JWT and LEGACY_JWT_KEYS';
  if (name === 'better-auth' || name === 'hydra') {
    if (keys[name].length > 0) return { name, keys: keys[name] };
    return name === 'hydra' ? 'LEGACY_HYDRA_SECRETS' : 'LEGACY_BETTER_AUTH_SECRETS';
  }
  return { name };
}

function readSecrets(settings: Settings, name: string, keyOf: (secret: Buffer) => Buffer): KeyObject[] {
  return settings.list(name, (item, place) => {
    const secret = item.startsWith(IN_BASE64)
      ? bytesOf(item.slice(IN_BASE64.length))
      : Buffer.from(item, 'utf8');
    if (!secret?.length) return { mistake: `secret ${place} is not base64, as its beginning says` };
    return { value: createSecretKey(keyOf(secret)) };
  });
}

function bytesOf(base64: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}

/** LEGACY_JWT, written `<algorithm>:<claim>+<claim>:<other claim>=<value>|<value>`, with LEGACY_JWT_KEYS. */
function readJwt(settings: Settings): JwtLane | undefined {
  const text = settings.text('LEGACY_JWT', { values: '<algorithm>:<claim>' });
  const [algorithm = '', names = '', ...conditions] = text?.split(':') ?? [];
  const known = LEGACY_JWT_ALGORITHMS.find((each) => each === algorithm);
  const keys = readJwtKeys(settings, known);
  if (text === undefined) return undefined;
  if (!known) {
    const sentence = `begins with "${algorithm}", which is none of ${LEGACY_JWT_ALGORITHMS.join(', ')}`;
    return settings.mistake<JwtLane | undefined>('LEGACY_JWT', sentence, undefined);
  }
  const required = new Map(
    conditions.map((each) => {
      const [name, values] = splitOnce(each, '=');
      return [name, values.split('|').filter(Boolean)] as const;
    }),
  );
  const claims = names.split('+').filter(Boolean);
  if (claims.length === 0 || [...required].some(([name, values]) => !name || values.length === 0))
    return settings.mistake<JwtLane | undefined>(
      'LEGACY_JWT',
      'is written algorithm:claim, such as HS512:sid, or HS512:sid+azp+typ:typ=Refresh|Offline',
      undefined,
    );
  return keys.length > 0 ? { algorithm: known, keys, names: claims, required } : undefined;
}

function readJwtKeys(settings: Settings, algorithm: LegacyJwtAlgorithm | undefined): readonly KeyObject[] {
  const name = 'LEGACY_JWT_KEYS';
  if (!algorithm || algorithm.startsWith('HS')) return readSecrets(settings, name, (secret) => secret);
  const blocks = settings.text(name)?.replaceAll('\\n', '\n').match(PEM_PUBLIC_KEY) ?? [];
  const keys = blocks.map(publicKey);
  const kind = algorithm === 'RS256' ? 'rsa' : 'ec';
  if (settings.text(name) && (keys.length === 0 || !keys.every((key) => key?.asymmetricKeyType === kind)))
    return settings.mistake(name, `must be PEM public keys for ${algorithm}`, []);
  return keys as KeyObject[];
}

function publicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
