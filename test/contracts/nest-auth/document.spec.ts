import { readFileSync } from 'node:fs';
import { MEMBERS, schemaOf, type Json } from './facts.ts';

const ours = JSON.parse(readFileSync('openapi/nest-auth.json', 'utf8')) as Json;
const facts = readFileSync('test/contracts/published/nest-auth.md', 'utf8');

const PATH = '/auth/refresh-token';
const ref = (name: string): Json => ({ schema: { $ref: `#/components/schemas/${name}` } });
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce((inner, name) => (inner as Json | undefined)?.[name], value);

/** What of the document is published, in the words of the facts. */
function essence(document: Json): Json {
  const schemas = at(document, 'components', 'schemas') as Json;
  const post = at(document, 'paths', PATH, 'post');
  return {
    paths: Object.keys(document['paths'] as Json),
    methods: Object.keys(at(document, 'paths', PATH) ?? {}),
    body: at(post, 'requestBody', 'content', 'application/json'),
    bodyRequired: at(post, 'requestBody', 'required'),
    answer: at(post, 'responses', '200', 'content', 'application/json'),
    statuses: Object.keys(at(post, 'responses') ?? {}),
    NestAuthRefreshTokenRequestDto: wordless(schemas['NestAuthRefreshTokenRequestDto']),
    AuthWithTokensResponseDto: wordless(schemas['AuthWithTokensResponseDto']),
    error: wordless(schemas['NestAuthErrorDto']),
    modes: ((at(post, 'parameters') ?? []) as Json[]).map(({ name, in: place, required, schema }) => {
      return [place, name, required, (schema as Json)['enum']];
    }),
  };
}

const string = { type: 'string' };
const FACTS = {
  paths: [PATH],
  methods: ['post'],
  body: ref('NestAuthRefreshTokenRequestDto'),
  bodyRequired: false,
  answer: ref('AuthWithTokensResponseDto'),
  // Beyond what is published: all but 200 and 401.
  statuses: ['200', '400', '401', '403', '408', '413', '415', '429', '503'],
  NestAuthRefreshTokenRequestDto: { type: 'object', properties: { refreshToken: string } },
  AuthWithTokensResponseDto: sorted(schemaOf(Object.keys(MEMBERS))),
  error: sorted({
    type: 'object',
    properties: { message: string, code: string },
    required: ['message', 'code'],
  }),
  modes: [
    // Beyond what is published.
    ['query', 'dryRun', false, ['true', 'false']],
    ['header', 'x-access-token-type', false, ['header', 'cookie']],
  ],
};

describe('the nest-auth document', () => {
  test('says what is published, and little more', () => {
    expect(essence(ours)).toEqual(FACTS);
  });

  test('says it of a playground too', () => {
    const playground = JSON.parse(readFileSync('openapi/nest-auth.playground.json', 'utf8')) as Json;
    const { bodyRequired, modes, statuses, ...rest } = essence(playground);
    expect(FACTS).toMatchObject(rest);
    expect([bodyRequired, (modes as unknown[])[0]]).toEqual([true, ['query', 'dryRun', true, ['true']]]);
    expect(statuses).toEqual(['200', '400', '401']);
  });

  test.each<[what: string, path: string[], value: unknown]>([
    ['a path', ['paths'], {}],
    ['a schema name', ['components', 'schemas', 'AuthWithTokensResponseDto'], undefined],
    [
      'what is required',
      ['components', 'schemas', 'AuthWithTokensResponseDto', 'required'],
      ['accessToken', 'refreshToken'],
    ],
    [
      'a type',
      ['components', 'schemas', 'NestAuthRefreshTokenRequestDto', 'properties', 'refreshToken', 'type'],
      'number',
    ],
    [
      'an enumeration',
      ['components', 'schemas', 'AuthWithTokensResponseDto', 'properties', 'defaultMfaMethod', 'enum'],
      ['totp'],
    ],
  ])('would be told from one in which %s differs', (_what, path, value) => {
    const altered = structuredClone(ours);
    (at(altered, ...path.slice(0, -1)) as Json)[path.at(-1)!] = value;
    expect(essence(altered)).not.toEqual(FACTS);
  });

  test('is held against the facts that are published', () => {
    for (const [name, [schema, required]] of Object.entries(MEMBERS)) {
      const row = new RegExp(`^\\| ${name} \\| (.+?) \\| (yes|no)\\b`, 'm').exec(facts)!;
      const values = ((schema['items'] ?? schema) as { enum?: string[] }).enum;
      const type = values ? values.map((value) => `"${value}"`).join(' ') : (schema['type'] as string);
      expect([row[1], row[2]]).toEqual([
        schema['type'] === 'array' ? `array of ${type}` : type,
        required ? 'yes' : 'no',
      ]);
    }
  });
});

function wordless(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([name, inner]) => !(['description', 'example'].includes(name) && typeof inner === 'string'),
  );
  return sorted(Object.fromEntries(entries.map(([name, inner]) => [name, wordless(inner)])));
}

/** What is required is a set. */
function sorted(schema: Json): Json {
  const required = schema['required'];
  return Array.isArray(required) ? { ...schema, required: [...(required as string[])].sort() } : schema;
}
