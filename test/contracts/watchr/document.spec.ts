import { altered, at, compareDocuments, readDocument } from '../as-published.ts';

const published = readDocument('test/contracts/published/watchr.yaml');
const REFRESH = '/paths/~auth~refresh/post';

/** All that ours says beyond the published document. */
const BEYOND = new RegExp(
  `^(${REFRESH}/(parameters/query dryRun/|responses/(200/headers|401|403|408|413|415|429|503)/)|/components/schemas/HTTPError/)`,
);

describe.each(['openapi/watchr.json', 'openapi/watchr.playground.json'])('the Watchr document %s', (file) => {
  const ours = readDocument(file);

  test('says everything that the published one says', () => {
    expect(compareDocuments(published, ours).lacking).toEqual([]);
  });

  test('says nothing more than dry runs, headers, and statuses that any service may answer', () => {
    const { beyond } = compareDocuments(published, ours);
    expect(beyond.filter((place) => !BEYOND.test(place))).toEqual([]);
    expect(beyond).toContain(`${REFRESH}/parameters/query dryRun/required`);
  });

  const refresh = ['paths', '/auth/refresh', 'post'];
  const schemas = ['components', 'schemas'];
  test.each<[what: string, path: string[], value: unknown]>([
    ['the OpenAPI version', ['openapi'], '3.0.0'],
    ['the security', ['security'], [{ bearer: [] }]],
    ['the path', ['paths', '/auth/refresh'], undefined],
    ['the method', refresh, undefined],
    ['the operation id', [...refresh, 'operationId'], 'refresh'],
    ['the tag', [...refresh, 'tags'], ['Auth']],
    ['a published status', [...refresh, 'responses', '422'], undefined],
    ['a media type', [...refresh, 'responses', '200', 'content'], { 'text/plain': {} }],
    ['the schema of an answer', [...refresh, 'responses', '200', 'content', 'application/json'], {}],
    ['the name of a schema', [...schemas, 'AccessToken'], undefined],
    ['the title of a schema', [...schemas, 'AccessToken', 'title'], 'Token'],
    ['a type', [...schemas, 'AccessToken', 'properties', 'token_type', 'type'], 'number'],
    ['what is required', [...schemas, 'ValidationError', 'required'], ['loc', 'msg']],
    ['the parts of a location', [...schemas, 'ValidationError', 'properties', 'loc', 'items', 'anyOf'], []],
  ])('would be told from one that differs in %s', (_what, path, value) => {
    expect(compareDocuments(published, altered(ours, path, value)).lacking).not.toEqual([]);
  });

  test('would be told from one whose cookie is required, or must be a string', () => {
    const cookie = (at(ours, ...refresh, 'parameters') as { in: string }[]).findIndex(
      (parameter) => parameter.in === 'cookie',
    );
    const place = [...refresh, 'parameters', String(cookie)];
    for (const [member, value] of Object.entries({ required: true, schema: { type: 'string' } })) {
      expect(compareDocuments(published, altered(ours, [...place, member], value)).lacking).not.toEqual([]);
    }
  });

  test.each<[what: string, path: string[], value: unknown]>([
    ['a body', [...refresh, 'requestBody'], { required: true }],
    ['another status', [...refresh, 'responses', '400'], { content: {} }],
    ['another member', [...schemas, 'AccessToken', 'properties', 'refresh_token'], { type: 'string' }],
    [
      'a type that is published as none',
      [...schemas, 'ValidationError', 'properties', 'input', 'type'],
      'object',
    ],
    ['a list of what is required', [...schemas, 'HTTPValidationError', 'required'], ['detail']],
  ])('would be told from one that has %s', (_what, path, value) => {
    const { beyond } = compareDocuments(published, altered(ours, path, value));
    expect(beyond.filter((place) => !BEYOND.test(place))).not.toEqual([]);
  });
});

test('a page of the service lets dryRun be left out, and a playground does not', () => {
  const parameter = (file: string): unknown =>
    (at(readDocument(file), 'paths', '/auth/refresh', 'post', 'parameters') as { name: string }[]).find(
      ({ name }) => name === 'dryRun',
    );
  expect(parameter('openapi/watchr.json')).toMatchObject({
    in: 'query',
    required: false,
    schema: { type: 'string', enum: ['true', 'false'] },
  });
  expect(parameter('openapi/watchr.playground.json')).toMatchObject({
    in: 'query',
    required: true,
    schema: { type: 'string', enum: ['true'] },
  });
});
