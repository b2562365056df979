import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

type Json = Record<string, unknown>;

/** Words are ours; everything else of the operation must be what is published. */
const OUR_OWN = new Set(['description', 'example', 'examples']);

const published = parse(readFileSync('test/contracts/published/plec.yaml', 'utf8')) as Json;
const read = (name: string): Json => JSON.parse(readFileSync(`openapi/${name}.json`, 'utf8')) as Json;

describe('the PLEC playground document', () => {
  const playground = read('plec.playground');

  test('says of its operations what the published one says', () => {
    expect(wordless(playground['paths'])).toEqual(wordless(published['paths']));
  });

  test('has the published schemas', () => {
    expect(wordless(playground['components'])).toEqual(wordless(published['components']));
  });

  test('is of the published OpenAPI version', () => {
    expect(playground['openapi']).toBe(published['openapi']);
  });

  test('would be told from a document that differs', () => {
    const altered = structuredClone(playground);
    (at(altered, 'components', 'schemas', 'RefreshBodyDto', 'properties', 'refreshToken') as Json)['type'] =
      'number';
    expect(wordless(altered['components'])).not.toEqual(wordless(published['components']));
  });
});

describe('the PLEC service document', () => {
  const service = read('plec');
  const refresh = at(service, 'paths', '/auth/refresh', 'post') as Json;

  test('lets frontends leave dryRun and the body out', () => {
    expect(refresh['parameters']).toMatchObject([
      { name: 'dryRun', required: false, schema: { enum: ['true', 'false'] } },
    ]);
    expect(refresh['requestBody']).toMatchObject({ required: false });
  });

  test('names every status that a frontend may meet', () => {
    expect(Object.keys(refresh['responses'] as Json)).toEqual([
      '200',
      '400',
      '401',
      '403',
      '408',
      '413',
      '415',
      '429',
      '503',
    ]);
  });

  test('describes the logout', () => {
    expect(at(service, 'paths', '/auth/logout', 'post')).toMatchObject({
      operationId: 'AuthController_logout',
    });
  });
});

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, name) => (inner as Json)[name], value);
}

function wordless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wordless);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !OUR_OWN.has(name))
      .map(([name, inner]) => [name, wordless(inner)]),
  );
}
