import { sendRaw, type RawRequest } from '../../support/raw-http.ts';
import { useService } from '../../support/use-service.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): RawRequest => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
const cookie = (...values: string[]): RawRequest => ({
  headers: { cookie: values.map((value) => `refresh_token=${value}`).join('; ') },
});
const deep = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

const BAD: Record<string, [sent: RawRequest, status: number, code: string]> = {
  'no token at all': [{}, 401, 'MISSING_TOKEN'],
  'an empty body of type JSON': [{ headers: JSON_TYPE }, 401, 'MISSING_TOKEN'],
  'an empty object': [json({}), 401, 'MISSING_TOKEN'],
  'the JSON null': [json(null), 401, 'MISSING_TOKEN'],
  'an empty token': [json({ refreshToken: '' }), 401, 'MISSING_TOKEN'],
  'an unknown member': [json({ token: 'abc123.def456' }), 401, 'MISSING_TOKEN'],
  'a token of 100 KB': [json({ refreshToken: 'a'.repeat(100_000) }), 413, 'PAYLOAD_TOO_LARGE'],
  'a token of 10 KB': [json({ refreshToken: 'a'.repeat(10_000) }), 400, 'BAD_REQUEST'],
  'a token of 100 KB in the cookie': [cookie('a'.repeat(100_000)), 431, 'PAYLOAD_TOO_LARGE'],
  'a token with a NUL': [json({ refreshToken: '\u0000rt1_\u0000' }), 401, 'MALFORMED_TOKEN'],
  'a token of emoji': [json({ refreshToken: '🔑'.repeat(41) }), 401, 'MALFORMED_TOKEN'],
  'half a surrogate pair': [
    { headers: JSON_TYPE, body: '{"refreshToken":"\\ud83d"}' },
    401,
    'MALFORMED_TOKEN',
  ],
  'a NUL in the cookie': [cookie('%00'), 401, 'MALFORMED_TOKEN'],
  'a cookie that is wrongly escaped': [cookie('%E0%A4%A'), 401, 'MALFORMED_TOKEN'],
  'an array for a token': [json({ refreshToken: ['a'] }), 400, 'BAD_REQUEST'],
  'an object for a token': [json({ refreshToken: { $ne: null } }), 400, 'BAD_REQUEST'],
  'a number for a token': [json({ refreshToken: 42 }), 400, 'BAD_REQUEST'],
  'true for a token': [json({ refreshToken: true }), 400, 'BAD_REQUEST'],
  'null for a token': [json({ refreshToken: null }), 400, 'BAD_REQUEST'],
  'an array for a body': [json([]), 400, 'BAD_REQUEST'],
  'an array of bodies': [json([{ refreshToken: 'a' }]), 400, 'BAD_REQUEST'],
  'a string for a body': [json('abc123.def456'), 400, 'BAD_REQUEST'],
  'a number for a body': [json(1), 400, 'BAD_REQUEST'],
  'JSON that breaks off': [{ headers: JSON_TYPE, body: '{"refreshToken":"a' }, 400, 'BAD_REQUEST'],
  'JSON that is not UTF-8': [{ headers: JSON_TYPE, body: '\u00ff\u00fe' }, 400, 'BAD_REQUEST'],
  'deep JSON': [{ headers: JSON_TYPE, body: deep(2_500) }, 400, 'BAD_REQUEST'],
  'deep arrays for a token': [
    { headers: JSON_TYPE, body: `{"refreshToken":${'['.repeat(8_000)}${']'.repeat(8_000)}}` },
    400,
    'BAD_REQUEST',
  ],
  'a __proto__': [{ headers: JSON_TYPE, body: '{"__proto__":{"refreshToken":"a"}}' }, 400, 'BAD_REQUEST'],
  'a constructor.prototype': [
    { headers: JSON_TYPE, body: '{"constructor":{"prototype":{"a":1}}}' },
    400,
    'BAD_REQUEST',
  ],
  'a cookie that cookie-parser reads as JSON': [cookie('j:{"a":1}'), 401, 'MALFORMED_TOKEN'],
  'the cookie twice, neither good': [cookie('a', 'b'), 401, 'MALFORMED_TOKEN'],
  'the cookie twice, alike': [cookie('a', 'a'), 401, 'MALFORMED_TOKEN'],
  'the cookie more often than browsers hold it': [
    cookie(...'a b c d e f g h i'.split(' ')),
    400,
    'BAD_REQUEST',
  ],
  'the cookie twice, one with a blank': [
    { headers: { cookie: 'refresh_token =a; refresh_token=b' } },
    401,
    'MALFORMED_TOKEN',
  ],
  'an unknown dryRun': [
    { ...json({ refreshToken: 'a' }), path: '/auth/refresh?dryRun=maybe' },
    400,
    'BAD_REQUEST',
  ],
  'dryRun twice': [
    { ...json({ refreshToken: 'a' }), path: '/auth/refresh?dryRun=true&dryRun=true' },
    400,
    'BAD_REQUEST',
  ],
  'dryRun as a list': [
    { ...json({ refreshToken: 'a' }), path: '/auth/refresh?dryRun[]=true' },
    400,
    'BAD_REQUEST',
  ],
  'a dry run of a logout': [{ ...json({}), path: '/auth/logout?dryRun=true' }, 400, 'BAD_REQUEST'],
  'a form': [
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'refreshToken=a' },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  'plain text': [
    { headers: { 'content-type': 'text/plain' }, body: '{"refreshToken":"a"}' },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  'a multipart body': [
    { headers: { 'content-type': 'multipart/form-data; boundary=a' }, body: '--a--' },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  'a body of no type': [{ body: '{"refreshToken":"a"}' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  'a path that is not there': [{ ...json({}), path: '/auth/refreshh' }, 404, 'NOT_FOUND'],
  'a path with a slash too many': [{ ...json({}), path: '/auth/refresh/' }, 404, 'NOT_FOUND'],
  'a path that is wrongly escaped': [{ ...json({}), path: '/auth/%E0%A4%A' }, 400, 'BAD_REQUEST'],
  'the wrong method': [{ method: 'GET' }, 405, 'METHOD_NOT_ALLOWED'],
  'another wrong method': [{ ...json({}), method: 'PUT' }, 405, 'METHOD_NOT_ALLOWED'],
  'a token in the query': [{ path: '/auth/refresh?refreshToken=abc123.def456' }, 401, 'MISSING_TOKEN'],
  'an access token': [
    json({ refreshToken: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA' }),
    401,
    'MALFORMED_TOKEN',
  ],
};

describe('a client that sends', () => {
  const { database, service } = useService();
  let before: string;

  beforeAll(async () => {
    await service.open();
    before = await database.dump();
  });

  test.each(Object.keys(BAD))('%s is told so clearly, and nothing changes', async (what) => {
    const [sent, status, code] = BAD[what]!;
    const answer = await sendRaw(service.url, sent);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(typeof answer.body.message).toBe('string');
    if (code === 'BAD_REQUEST')
      expect(
        Object.values(answer.body.details as object)
          .flat()
          .join(),
      ).toMatch(/\w/);
    expect(await database.dump()).toBe(before);
  });

  test('bytes that are no HTTP is told so, in the words of the contract', async () => {
    const answer = await sendRaw(service.url, {
      ...json({}),
      headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked, nonsense' },
    });
    expect([answer.status, answer.body.code]).toEqual([400, 'BAD_REQUEST']);
  });

  test('a good token after all that still refreshes', async () => {
    const { refreshToken } = await service.open();
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });
});
