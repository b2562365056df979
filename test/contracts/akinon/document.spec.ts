import { altered, at, compareDocuments, readDocument, type Json } from '../as-published.ts';
import { essence, published } from './published.ts';

const ours = readDocument('openapi/akinon.json');
const REFRESH = '/paths/~auth~refresh-token/post';

/** All that ours says beyond the published document. The schema of the 201 is published without a type. */
const BEYOND = new RegExp(
  `^${REFRESH}/(parameters/query dryRun/|responses/(201/headers|403|408|413|415|429|503)/|responses/201/content/application~json/schema/type$)`,
);

const compare = (theirs: Json, own: Json): ReturnType<typeof compareDocuments> =>
  compareDocuments(essence(theirs), essence(own));

describe('the Akinon document', () => {
  test('says everything that the published one says', () => {
    expect(compare(published, ours).lacking).toEqual([]);
  });

  test('says nothing more than dry runs, and statuses that any service may answer', () => {
    const { beyond } = compare(published, ours);
    expect(beyond.filter((place) => !BEYOND.test(place))).toEqual([]);
    expect(beyond).toContain(`${REFRESH}/parameters/query dryRun/required`);
  });

  test('puts its path under the base that every published server has', () => {
    const bases = (published['servers'] as { url: string }[]).map(({ url }) => new URL(url).pathname);
    expect(new Set(bases)).toEqual(new Set(['/api/v1']));
    expect(ours['servers']).toEqual([{ url: '/api/v1' }]);
  });

  test('has a playground that differs in the dry run alone', () => {
    const playground = readDocument('openapi/akinon.playground.json');
    expect(compare(published, playground).lacking).toEqual([]);
    expect(at(playground, 'paths', '/auth/refresh-token', 'post', 'parameters')).toMatchObject([
      { name: 'dryRun', required: true, schema: { type: 'string', enum: ['true'] } },
    ]);
  });

  const refresh = ['paths', '/auth/refresh-token', 'post'];
  const schemas = ['components', 'schemas'];
  test.each<[what: string, path: string[], value: unknown]>([
    ['a path', ['paths'], {}],
    ['an operation id', [...refresh, 'operationId'], 'refresh'],
    ['a tag', [...refresh, 'tags'], ['auth']],
    ['a body that may be left out', [...refresh, 'requestBody', 'required'], false],
    ['a media type', [...refresh, 'responses', '401', 'content'], {}],
    ['a type', [...schemas, 'RefreshTokenRequest', 'properties', 'refreshToken', 'type'], 'number'],
    ['a list of what is required', [...schemas, 'RefreshTokenResponse', 'required'], ['accessToken']],
    ['a schema name', [...schemas, 'UnauthorizedError'], undefined],
    ['a status', [...refresh, 'responses', '201'], undefined],
    ['the security', ['security'], [{ bearerAuth: [] }]],
    ['a header', ['components', 'securitySchemes', 'accessToken', 'name'], 'x-token'],
    ['the OpenAPI version', ['openapi'], '3.0.0'],
  ])('would be told from one with %s that differs', (_what, path, value) => {
    expect(compare(published, altered(ours, path, value)).lacking).not.toEqual([]);
  });
});
