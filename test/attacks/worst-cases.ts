import { randomBytes } from 'node:crypto';
import { SERVICE_KEY } from '../support/service.ts';
import type { Call } from './call.ts';
import type { Place } from './places.ts';

/** The longest body that is read, and as much as fits into a request's head beside the rest, in bytes. */
const [BODY, FORM, HEAD] = [16 * 1024, 32 * 1024, 15_000];

type Texts = Readonly<Record<string, string>>;

/** Requests of the greatest size that is accepted, each of the shape that costs some reader the most, by name. */
export function worstCasesAt(place: Place, clientId: string): Record<string, Call> {
  const { path, method, isForm } = place;
  const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
  const usual = isForm ? `grant_type=refresh_token&client_id=${clientId}&refresh_token=x&token=x` : '{}';
  const hasBody = method !== 'GET';
  const call = (more: Partial<Call>): Call => {
    const { headers, body = usual, ...rest } = more;
    const typed = hasBody ? { 'content-type': type, ...headers } : { ...headers };
    return { path, method, ...rest, headers: typed, ...(hasBody && { body }) };
  };
  return {
    ...named('header', HEADERS, ([name, value]) => call({ headers: { [name.split(',')[0]!]: value } })),
    ...named('header with cookie', HEADERS, ([name, value]) =>
      call({ headers: { cookie: 'refresh_token=x; refreshToken=x', [name.split(',')[0]!]: value } }),
    ),
    ...named('query', QUERIES, ([, query]) => call({ path: `${path}?${query}` })),
    ...named('path', PATHS, ([, tail]) => call({ path: path + tail })),
    ...(hasBody ? named('body', isForm ? forms(usual) : JSONS, ([, body]) => call({ body })) : {}),
    'many headers': call({ headers: manyHeaders() }),
    'proof under a long key': call({ headers: { dpop: proof(2048, 8) } }),
    'proof under a key with a long exponent': call({ headers: { dpop: proof(384, 383) } }),
  };
}

/** The same for the service's own APIs, by whoever has a service key. */
export function worstCasesOfBackends(): Record<string, Call> {
  const headers = { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'application/json' };
  const posts = (path: string, bodies: Texts): Record<string, Call> =>
    named(`POST ${path}`, bodies, ([, body]) => ({ path, headers, body }));
  const list = (item: (at: number) => string): string => `[${distinct(BODY - 200, item, ',')}]`;
  return {
    ...posts('/sessions', {
      ...JSONS,
      'audience of many': `{"subject":"ada","audience":${list(() => '""')}}`,
      'amr of many': `{"subject":"ada","amr":${list(() => '{}')}}`,
      'factors, all different': `{"subject":"ada","extras":{"nest-auth":{"mfaMethods":${list((at) => `"${at}"`)}}}}`,
      'factors that are objects': `{"subject":"ada","extras":{"nest-auth":{"mfaMethods":${list(() => '{}')}}}}`,
      'claims of many': `{"subject":"ada","claims":{${list((at) => `"${at}":1`).slice(1, -1)}}}`,
      'claims of backslashes': `{"subject":"ada","claims":{"a":"${fill('\\\\', 4_000)}"}}`,
      'scope of many': `{"subject":"ada","scope":"${fill('a ', BODY - 100)}"}`,
      'time of many digits': `{"subject":"ada","authTime":"${fill('1', BODY - 100)}"}`,
      'lifetimes of many': `{"subject":"ada","lifetimes":${list((at) => `{"${at}":1}`)}}`,
    }),
    ...posts('/clients', {
      ...JSONS,
      'keys of many': `{"id":"many","authMethod":"private_key_jwt","jwks":{"keys":${list(() => '{}')}}}`,
    }),
    ...posts('/sessions/inspect', JSONS),
    ...named('GET /sessions', QUERIES, ([, query]) => ({
      method: 'GET',
      path: `/sessions?subject=ada&${query}`,
      headers,
    })),
  };
}

/** Pages and files, which are read by other readers. */
export function worstCasesOfPages(): Record<string, Call> {
  const pages = [
    '/docs',
    '/docs/swagger-ui.css',
    '/docs/none',
    '/health/live',
    '/.well-known/jwks.json',
    '/none',
  ];
  return Object.assign(
    {},
    ...pages.map((path) => ({
      ...named(`${path} header`, HEADERS, ([name, value]) => ({
        method: 'GET',
        path,
        headers: { [name.split(',')[0]!]: value },
      })),
      ...named(`${path} query`, QUERIES, ([, query]) => ({ method: 'GET', path: `${path}?${query}` })),
      ...named(`${path} path`, PATHS, ([, tail]) => ({ method: 'GET', path: path + tail })),
    })),
  ) as Record<string, Call>;
}

/** A header's name, a comma, and what is odd about its value. */
const HEADERS: Texts = {
  'content-type, a name without a value': `application/json; ${fill('a', HEAD)}`,
  'content-type, many parameters': `application/json${fill(';a=b', HEAD)}`,
  'content-type, quotes that do not close': `application/json${fill(';a="', HEAD)}`,
  'content-type, escapes': `application/json;a="${fill('\\"', HEAD)}`,
  'content-type, separators and spaces': `application/json${fill('; ', HEAD)}x`,
  'content-type, slashes': fill('a/', HEAD),
  'cookie, wrongly escaped': distinct(HEAD, (at) => `${at.toString(36)}=%`, ';'),
  'cookie, no JSON': distinct(HEAD, (at) => `${at.toString(36)}=j:`, ';'),
  'cookie, deep JSON': `refresh_token=j:${fill('[', HEAD)}`,
  'cookie, semicolons': fill(';', HEAD),
  'cookie, equals signs': fill('=', HEAD),
  'cookie, names without values': fill('a;', HEAD),
  'cookie, the same': fill('refresh_token=x;refreshToken=x;', HEAD),
  'cookie, one that is escaped': `refresh_token=${fill('%ff', HEAD)}`,
  'cookie, spaces': `refresh_token${fill(' ', HEAD)}x=x`,
  'authorization, spaces': `Bearer ${fill(' ', HEAD)}x y`,
  'authorization, basic': `Basic ${fill('A', HEAD)}`,
  'authorization, padding': `Basic A${fill('=', HEAD)}x`,
  'authorization, a colon and escapes': `Basic ${Buffer.from(`a:${fill('%ff', 11_000)}`).toString('base64')}`,
  'authorization, dots': `Bearer ${fill('.', HEAD)}`,
  'x-access-token, dots': fill('.', HEAD),
  'x-access-token, deep': jwt(fill('[', 10_000)),
  'dpop, dots': fill('.', HEAD),
  'dpop, deep': jwt(fill('{"a":', 10_000)),
  'dpop, commas': fill('a,', HEAD),
  'x-request-id, long': fill('a', HEAD),
  'x-forwarded-for, many': fill('1,', HEAD),
  'x-forwarded-for, networks': fill('::1,', HEAD),
  'x-forwarded-host, many': fill('a,', HEAD),
  'origin, long': `https://${fill('a.', HEAD)}`,
  'host, long': fill('a.', HEAD),
  'host, colons': fill(':', HEAD),
  'accept, many': fill('a/b;q=0.1,', HEAD),
  'accept-encoding, many': fill('a;q=0.1,', HEAD),
  'range, many': `bytes=${fill('0-0,', HEAD)}0-0`,
  'range, spaces': `bytes=${fill(' ', HEAD)}x`,
  'if-none-match, many': fill('"a",', HEAD),
  'if-none-match, spaces': fill(' ', HEAD) + ',',
  'if-modified-since, long': fill('1 ', HEAD),
  'access-control-request-headers, many': fill('a,', HEAD),
  'expect, long': fill('a', HEAD),
  'connection, many': fill('a,', HEAD),
};

const QUERIES: Texts = {
  'the same, again and again': fill('a&', HEAD),
  'all different': distinct(HEAD, (at) => at.toString(36), '&'),
  'all different, dryRun wrong': `dryRun=x&${distinct(HEAD, (at) => at.toString(36), '&')}`,
  'wrongly escaped': distinct(HEAD, (at) => `${at.toString(36)}=%ff`, '&'),
  'escapes that are wrong': fill('%ff', HEAD),
  'plus signs': fill('+', HEAD),
  'equals signs': fill('=', HEAD),
  'dryRun, again and again': fill('dryRun=x&', HEAD),
  'dryRun, long': `dryRun=${fill('x', HEAD)}`,
  'question marks': fill('?', HEAD),
  brackets: fill('[a]', HEAD),
};

const PATHS: Texts = {
  slashes: fill('/', HEAD),
  dots: fill('/..', HEAD),
  'escaped dots': fill('%2e', HEAD),
  'escaped slashes': fill('%2f', HEAD),
  'escaped percent signs': fill('%25', HEAD),
  'wrong escapes': fill('%ff', HEAD),
  semicolons: fill(';', HEAD),
  long: fill('a', HEAD),
};

const forms = (usual: string): Texts => ({
  'the same, again and again': fill('a&', FORM),
  'the same, with values': fill('a=b&', FORM),
  'two in turn': fill('a&b&', FORM),
  'all different': distinct(FORM, (at) => at.toString(36), '&'),
  'wrongly escaped': distinct(FORM, (at) => `${at.toString(36)}=%ff`, '&'),
  'wrongly escaped names': fill('%ff&', FORM),
  escapes: fill('%41', FORM),
  'plus signs': fill('+', FORM),
  'equals signs': fill('=', FORM),
  separators: fill('&', FORM),
  'question marks': fill('?', FORM),
  'a scope of many': `${usual}&scope=${fill('a+', 8_192)}`,
  'an assertion of dots': `grant_type=refresh_token&client_assertion=${fill('.', 8_000)}`,
  'a deep assertion': `grant_type=refresh_token&client_assertion=${jwt('{}', fill('[', 6_000))}`,
  'a token of dots': `grant_type=refresh_token&client_id=x&token=${fill('.', FORM - 60)}`,
});

const JSONS: Texts = {
  brackets: fill('[', BODY),
  'brackets that close': fill('[', BODY / 2) + fill(']', BODY / 2),
  'as deep as may be, and wide': `{"refreshToken":${fill('[', 14)}${fill('0,', BODY - 100)}0${fill(']', 14)}}`,
  objects: `{"a":[${fill('{},', BODY - 20)}{}]}`,
  'members, all different': `{${distinct(BODY - 100, (at) => `"${at.toString(36)}":0`, ',')},"refreshToken":0}`,
  'members, the same': `{${fill('"a":0,', BODY - 100)}"refreshToken":0}`,
  'numbered members': `{${distinct(BODY - 100, (at) => `"${at * 7919}":0`, ',')},"refreshToken":0}`,
  'a list for a token': `{"refreshToken":[${fill('"",', BODY - 100)}""]}`,
  'a long token': `{"refreshToken":"${fill('a', BODY - 100)}"}`,
  'a token of escapes': `{"refreshToken":"${fill('\\u0000', BODY - 100)}"}`,
  'a token of dots': `{"refreshToken":"${fill('.', BODY - 100)}"}`,
  'a long number': `{"refreshToken":${fill('1', BODY - 100)}}`,
  spaces: `${fill(' ', BODY - 2)}{}`,
  'a forbidden name and spaces': `{"__proto__"${fill(' ', BODY - 100)}:0}`,
  'forbidden names': `{"a":[${fill('"__proto__",', BODY - 100)}0]}`,
  'forbidden names that are members': `{"a":[${fill('{"constructor":{}},', BODY - 100)}0]}`,
  backslashes: `{"${fill('\\\\', BODY - 100)}":0}`,
};

function manyHeaders(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 1_900 }, (_, at) => [`x${at.toString(36)}`, '']));
}

/** A proof (RFC 9449) under an RSA key of so many bytes: no one has its private half, but it must be tried. */
function proof(modulusBytes: number, exponentBytes: number): string {
  const [n, e] = [odd(modulusBytes), odd(exponentBytes)];
  const jwk = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') };
  const claims = { htm: 'POST', htu: 'https://auth.example.com/oauth/token', iat: 1, jti: 'x' };
  const signature = randomBytes(modulusBytes).fill(0x7f, 0, 1).toString('base64url');
  return jwt(JSON.stringify({ alg: 'RS256', typ: 'dpop+jwt', jwk }), JSON.stringify(claims), signature);
}

function odd(bytes: number): Buffer {
  const number = randomBytes(bytes);
  number[0]! |= 0xc0;
  number[bytes - 1]! |= 1;
  return number;
}

function jwt(header: string, payload = '{}', signature = 'AAAA'): string {
  const coded = (text: string): string => Buffer.from(text).toString('base64url');
  return `${coded(header)}.${coded(payload)}.${signature}`;
}

function named(
  where: string,
  texts: Texts,
  make: (entry: [name: string, text: string]) => Call,
): Record<string, Call> {
  return Object.fromEntries(Object.entries(texts).map((entry) => [`${where}: ${entry[0]}`, make(entry)]));
}

function fill(text: string, length: number): string {
  return text.repeat(Math.floor(length / text.length));
}

/** As many of what `item` makes, each for a number of its own, as fit. */
function distinct(length: number, item: (at: number) => string, separator: string): string {
  const items: string[] = [];
  for (let at = 36, used = 0; ; at++) {
    const next = item(at);
    used += next.length + separator.length;
    if (used > length) return items.join(separator);
    items.push(next);
  }
}
