import { hash } from 'node:crypto';
import type { Config } from '../../config/config.js';
import { isName, jwtIdentity } from '../../core/legacy-jwt.js';
import { legacyLookup, placeholderId } from '../../core/legacy-token.js';
import { supabaseToken } from '../../core/supabase-token.js';
import { isText } from '../../core/one-line.js';
import { SCOPE } from '../../core/scope.js';
import { likelyName } from '../../config/likely-name.js';
import { isStorable } from '../../http/validation/storable.js';
import { readTimestamp } from '../../http/validation/timestamp.js';
import type { ExportedSession } from '../../store/session-export.js';
import type { ImportedSession } from '../../store/session-import.js';
import type { ContractExtras } from '../contract-extras.js';
import { mistakeIn } from '../session-claims.js';
import { readEngine, type Engine } from './moved-session.js';

/** As SESSION_MAX_TTL at the most, in milliseconds; a refresh token has four bytes for the seconds of its deadline. */
const LONGEST = 3_650 * 24 * 60 * 60 * 1_000;

/** The client id of sessions whose line names none. */
const IMPORTED = 'import';

type Json = Readonly<Record<string, unknown>>;
/** Gives what a member is taken for, or, as an Error, what is wrong with it. */
type Member<T> = (value: unknown) => T | Error;

const MEMBERS = [
  ...['lookup', 'session', 'subject', 'clientId', 'scope', 'audience', 'claims', 'device', 'amr', 'acr'],
  ...['authTime', 'createdAt', 'expiresAt', 'idleExpiresAt', 'extras'],
];

const DATES = ['authTime', 'createdAt', 'expiresAt', 'idleExpiresAt'];

/** What a line is read with. */
export interface LineRules {
  readonly config: Pick<Config, 'lifetimes' | 'legacy'>;
  /** What contracts take of `extras`. */
  readonly extras: Pick<ContractExtras, 'flawsIn'>;
}

/**
 * Reads a line of an import. Written by hand, since a line a time through class-validator is as slow as what it is to be
 * written to.
 *
 * @param now by this machine's clock: what has ended is not taken in
 * @returns the session, of another system or, if it has an id, of another deployment; or all that is wrong with the line, in
 *   sentences that quote no value
 */
export function readLine(
  text: string,
  { config: { lifetimes, legacy }, extras }: LineRules,
  now: Date,
): ImportedSession | ExportedSession | readonly string[] {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return ['the line is not JSON'];
  }
  if (!isObject(line)) return ['the line is not an object'];
  const mistakes: string[] = [];
  const read = <T>(name: string, member: Member<T>, otherwise: T): T => {
    const value = line[name];
    if (value === undefined || value === null) return otherwise;
    const result = member(value);
    if (!(result instanceof Error)) return result;
    mistakes.push(`${name} ${result.message}`);
    return otherwise;
  };
  for (const name of Object.keys(line)) if (!MEMBERS.includes(name)) mistakes.push(unknown(name));
  const isMoved = line['session'] !== undefined;
  if (isMoved && line['lookup'] !== undefined) mistakes.push('lookup and session are both there');
  const needed = isMoved ? ['subject', ...DATES] : ['lookup', 'subject'];
  for (const name of needed)
    if (line[name] === undefined || line[name] === null) mistakes.push(`${name} is missing`);

  const createdAt = read('createdAt', time, null);
  const expiresAt = read('expiresAt', time, null);
  const idleExpiresAt = read('idleExpiresAt', time, null);
  for (const [name, deadline] of Object.entries({ expiresAt, idleExpiresAt }))
    if (deadline !== null && new Date(deadline) <= now)
      mistakes.push(`${name} is in the past: the session has ended`);
  if (expiresAt !== null && new Date(expiresAt).getTime() - now.getTime() > LONGEST)
    mistakes.push('expiresAt is more than ten years away');
  if (createdAt !== null && new Date(createdAt).getTime() > now.getTime() + 600_000)
    mistakes.push('createdAt is in the future');

  const session = {
    subject: read('subject', singleLine, ''),
    clientId: read('clientId', singleLine, IMPORTED),
    scope: read('scope', scope, null),
    audience: read('audience', texts, []),
    claims: read('claims', claims, {}),
    device: read('device', singleLine, null),
    amr: read('amr', texts, []),
    acr: read('acr', singleLine, null),
    authTime: read('authTime', time, null),
    createdAt,
    expiresAt,
    idleExpiresAt,
    extras: read('extras', object, {}),
  };
  for (const { message } of extras.flawsIn(session.extras)) mistakes.push(message);
  if (isMoved) {
    const engine = read<Engine | undefined>('session', readEngine, undefined);
    // Its dates are there, or they are missed above.
    return mistakes.length > 0 || !engine ? mistakes : ({ ...session, ...engine } as ExportedSession);
  }
  const found = read('lookup', lookup, Buffer.alloc(0));
  const apart = namesApart(line['lookup'], legacy);
  if (apart) mistakes.push(apart);
  const { max: maxTtl, idle: idleTtl, accessToken: accessTokenTtl } = lifetimes;
  const known = { id: placeholderId(found), lookup: found.toString('hex') };
  return mistakes.length > 0 ? mistakes : { ...session, ...known, maxTtl, idleTtl, accessTokenTtl };
}

/** A JWT is found by the claims that its lane names, by those and by no others. */
function namesApart(lookup: unknown, { lanes }: LineRules['config']['legacy']): string | undefined {
  const given = isObject(lookup) && isObject(lookup['jwt']) ? Object.keys(lookup['jwt']) : undefined;
  const names = lanes.flatMap(({ lane }) => (lane.name === 'jwt' ? lane.names : []));
  if (!given || names.length === 0 || given.toSorted().join() === names.toSorted().join()) return undefined;
  return `lookup jwt: must have the claims that LEGACY_JWT names, which are ${names.join(', ')}`;
}

function unknown(name: string): string {
  const shown = /^[\w-]{1,40}$/.test(name) ? name : 'a member';
  const meant = likelyName(shown, MEMBERS);
  return `${shown} is not known${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

const LOOKUPS: Readonly<Record<string, Member<Buffer>>> = {
  token: (value) => tokenLookup('sha256', value),
  'better-auth': (value) => tokenLookup('better-auth', value),
  sha256: (value) => digestLookup('sha256', digestOf(value)),
  sha256x2: (value) => digestLookup('sha256x2', digestOf(value)),
  hydra: (value) =>
    typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)
      ? legacyLookup('hydra', Buffer.from(value))
      : new Error('must be the 43 characters of a signature'),
  jwt: (value) => {
    const claims = isObject(value) ? Object.entries(value) : [];
    return claims.length > 0 && claims.every(([, each]) => isName(each))
      ? legacyLookup('jwt', jwtIdentity(claims as [string, string | number][]))
      : new Error('must have the claims that LEGACY_JWT names, such as {"sid": "..."}');
  },
  supabase: (value) => {
    const { session, key, counter } = isObject(value) ? value : {};
    const isKey = typeof key === 'string' && Buffer.from(key, 'base64').length === 32;
    const isSession =
      typeof session === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(session);
    if (!isKey || !isSession || !Number.isSafeInteger(counter) || Number(counter) < 0)
      return new Error('must have session, a UUID; key, 32 bytes in Base64, not encrypted; and counter');
    return digestLookup(
      'sha256',
      hash('sha256', supabaseToken({ session, key, counter: Number(counter) }), 'buffer'),
    );
  },
};

function tokenLookup(lane: 'sha256' | 'better-auth', token: unknown): Buffer | Error {
  return typeof token === 'string' && token.length > 0 && token.length <= 16_384
    ? legacyLookup(lane, hash('sha256', token, 'buffer'))
    : new Error('must be the token as it was given out, or as it is stored');
}

function digestLookup(lane: 'sha256' | 'sha256x2', digest: Buffer | undefined): Buffer | Error {
  return digest ? legacyLookup(lane, digest) : new Error('must be 32 bytes, in hexadecimal or base64url');
}

function lookup(value: unknown): Buffer | Error {
  const [[lane, identity] = [], ...more] = isObject(value) ? Object.entries(value) : [];
  const member = lane !== undefined && Object.hasOwn(LOOKUPS, lane) ? LOOKUPS[lane] : undefined;
  if (!member || more.length > 0)
    return new Error(`must have one member of ${Object.keys(LOOKUPS).join(', ')}`);
  const result = member(identity);
  return result instanceof Error ? new Error(`${lane}: ${result.message}`) : result;
}

function digestOf(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(value)) return Buffer.from(value, 'hex');
  return /^[A-Za-z0-9_-]{43}$/.test(value) ? Buffer.from(value, 'base64url') : undefined;
}

function singleLine(value: unknown): string | Error {
  return isText(value) ? value : new Error('must be a text of one line, of 1 to 255 characters');
}

function scope(value: unknown): string | Error {
  return typeof value === 'string' && value.length <= 2048 && SCOPE.test(value)
    ? value
    : new Error('must be values separated by single spaces');
}

function texts(value: unknown): string[] | Error {
  return Array.isArray(value) &&
    value.length <= 16 &&
    value.every((each) => !(singleLine(each) instanceof Error))
    ? (value as string[])
    : new Error('must be at most 16 texts of one line');
}

function claims(value: unknown): Json | Error {
  const mistake = mistakeIn(value);
  return mistake === undefined ? (value as Json) : new Error(mistake.replace(/^claims /, ''));
}

function object(value: unknown): Json | Error {
  return isObject(value) && isStorable(value) ? value : new Error('must be an object');
}

function time(value: unknown): string | Error {
  return readTimestamp(value)
    ? (value as string)
    : new Error('must be a time as in RFC 3339, such as 2026-01-31T09:30:00Z');
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
