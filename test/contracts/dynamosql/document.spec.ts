import { altered, at, compareDocuments, readDocument } from '../as-published.ts';

const published = readDocument('test/contracts/published/dynamosql.yaml');
const REFRESH = '/paths/~v1~auth~refresh/post';

/** All that ours says beyond the published document. */
const BEYOND = new RegExp(
  `^${REFRESH}/(parameters/query dryRun/|responses/(200/headers|403|408|413|415|503)/)`,
);

describe.each(['openapi/dynamosql.json', 'openapi/dynamosql.playground.json'])(
  'the DynamoSQL document %s',
  (file) => {
    const ours = readDocument(file);
    // A flood is no one's first try, so a playground does not show it.
    const expected = file.includes('playground')
      ? altered(published, ['paths', '/v1/auth/refresh', 'post', 'responses', '429'], undefined)
      : published;

    test('says everything that the published one says', () => {
      expect(compareDocuments(expected, ours).lacking).toEqual([]);
    });

    test('says nothing more than dry runs, and statuses that any service may answer', () => {
      const { beyond } = compareDocuments(expected, ours);
      expect(beyond.filter((place) => !BEYOND.test(place))).toEqual([]);
      expect(beyond).toContain(`${REFRESH}/parameters/query dryRun/required`);
    });

    const refresh = ['paths', '/v1/auth/refresh', 'post'];
    const success = [...refresh, 'responses', '200', 'content', 'application/json', 'schema', 'allOf'];
    const data = [...success, '1', 'properties', 'data', 'properties'];
    const body = [...refresh, 'requestBody', 'content', 'application/json', 'schema'];
    const schemas = ['components', 'schemas'];
    test.each<[what: string, path: string[], value: unknown]>([
      ['the OpenAPI version', ['openapi'], '3.0.0'],
      ['the security of all', ['security'], undefined],
      ['the security of the refresh', [...refresh, 'security'], undefined],
      ['the security scheme', ['components', 'securitySchemes', 'cognitoJwt', 'bearerFormat'], 'opaque'],
      ['the path', ['paths', '/v1/auth/refresh'], undefined],
      ['the operation id', [...refresh, 'operationId'], 'refresh'],
      ['the tag', [...refresh, 'tags'], ['Auth']],
      ['a body that may be left out', [...refresh, 'requestBody', 'required'], false],
      ['what the body must have', [...body, 'required'], []],
      ['the type of the token', [...body, 'properties', 'refreshToken', 'type'], 'number'],
      ['a published status', [...refresh, 'responses', '400'], undefined],
      ['an answer without the envelope', [...success, '0'], {}],
      ['the type of a member', [...data, 'expiresIn', 'type'], 'number'],
      ['a member', [...data, 'tokenType'], undefined],
      ['the data of any type', [...schemas, 'ApiResponse', 'properties', 'data'], { type: 'object' }],
      ['what is required', [...schemas, 'ApiResponse', 'required'], undefined],
      ['the name of a schema', [...schemas, 'ApiError'], undefined],
    ])('would be told from one that differs in %s', (_what, path, value) => {
      expect(compareDocuments(expected, altered(ours, path, value)).lacking).not.toEqual([]);
    });

    test.each<[what: string, path: string[], value: unknown]>([
      ['another status', [...refresh, 'responses', '422'], { content: {} }],
      ['a new refresh token', [...data, 'refreshToken'], { type: 'string' }],
      ['a list of what is required', [...schemas, 'ApiError', 'required'], ['message']],
    ])('would be told from one that has %s', (_what, path, value) => {
      const { beyond } = compareDocuments(expected, altered(ours, path, value));
      expect(beyond.filter((place) => !BEYOND.test(place))).not.toEqual([]);
    });
  },
);

test('a page of the service lets dryRun be left out, and a playground does not', () => {
  const parameters = (file: string): unknown =>
    at(readDocument(file), 'paths', '/v1/auth/refresh', 'post', 'parameters');
  expect(parameters('openapi/dynamosql.json')).toMatchObject([
    { name: 'dryRun', in: 'query', required: false, schema: { type: 'string', enum: ['true', 'false'] } },
  ]);
  expect(parameters('openapi/dynamosql.playground.json')).toMatchObject([
    { name: 'dryRun', in: 'query', required: true, schema: { type: 'string', enum: ['true'] } },
  ]);
});
