import { TestDatabase } from '../../support/database.ts';
import { sendRaw, type RawAnswer, type RawRequest } from '../../support/raw-http.ts';
import { spawnService } from '../../support/service.ts';
import { useService } from '../../support/use-service.ts';
import { readDocument, schemasOf } from '../as-published.ts';

const PATH = '/v1/auth/refresh';
const published = schemasOf(readDocument('test/contracts/published/dynamosql.yaml'), PATH);

const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): RawRequest => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
const text = (body: string): RawRequest => ({ headers: JSON_TYPE, body });
const token = (refreshToken: unknown): RawRequest => json({ refreshToken });
const deep = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

const GOOD = {
  success: true,
  data: {
    accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
    expiresIn: 900,
    tokenType: 'Bearer',
  },
};

type Said = readonly [code: string, message: string];
const MISSING: Said = ['MISSING_TOKEN', 'refreshToken is missing'];
const NO_STRING: Said = ['BAD_REQUEST', 'refreshToken must be a string'];
const NO_OBJECT: Said = ['BAD_REQUEST', 'Validation failed (object is expected)'];
const NO_JSON: Said = ['BAD_REQUEST', 'the body is not valid JSON'];
const UNCLEAR: Said = ['BAD_REQUEST', 'dryRun must be one of the following values: true, false'];
const MALFORMED: Said = ['MALFORMED_TOKEN', 'This is not a refresh token of this service'];
const UNKNOWN: Said = ['UNKNOWN_SESSION', 'There is no such session'];
const EXPIRED: Said = ['EXPIRED', 'The session has expired'];
const REVOKED: Said = ['REVOKED', 'The session was ended'];
const REUSED: Said = ['REUSED', 'The refresh token has been replaced, so its session was ended'];
const WRONG_CLIENT: Said = ['WRONG_CLIENT', 'The refresh token belongs to another client'];
const TOO_LARGE: Said = ['PAYLOAD_TOO_LARGE', 'The request is too large'];
const NOT_JSON: Said = ['UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json'];
const NOT_FOUND: Said = ['NOT_FOUND', 'There is nothing at this path'];
const WRONG_METHOD: Said = ['METHOD_NOT_ALLOWED', 'This path does not know this method'];

const BAD: Record<string, [sent: RawRequest, status: number, said: Said]> = {
  'no body': [{}, 400, MISSING],
  'an empty body of type JSON': [text(''), 400, MISSING],
  'an empty object': [json({}), 400, MISSING],
  'the JSON null': [json(null), 400, MISSING],
  'an empty token': [token(''), 400, MISSING],
  'another member': [json({ refresh_token: 'abc123.def456' }), 400, MISSING],
  'a token in a cookie': [{ headers: { cookie: 'refresh_token=a' } }, 400, MISSING],
  'a token in Authorization': [{ headers: { authorization: 'Bearer a' } }, 400, MISSING],
  'a number for a token': [token(42), 400, NO_STRING],
  'true for a token': [token(true), 400, NO_STRING],
  'null for a token': [token(null), 400, NO_STRING],
  'an array for a token': [token(['a']), 400, NO_STRING],
  'an object for a token': [token({ $ne: null }), 400, NO_STRING],
  'a token of 10 KB': [
    token('a'.repeat(10_000)),
    400,
    ['BAD_REQUEST', 'refreshToken must be shorter than or equal to 4096 characters'],
  ],
  'an array for a body': [json([]), 400, NO_OBJECT],
  'a string for a body': [json('abc123.def456'), 400, NO_OBJECT],
  'a number for a body': [json(1), 400, NO_OBJECT],
  'JSON that breaks off': [text('{"refreshToken":"a'), 400, NO_JSON],
  'JSON that is not UTF-8': [text('\u00ff\u00fe'), 400, NO_JSON],
  'a __proto__': [text('{"__proto__":{"refreshToken":"a"}}'), 400, NO_JSON],
  'deep JSON': [text(deep(2_500)), 400, ['BAD_REQUEST', 'the body is nested deeper than 16 levels']],
  'an unknown dryRun': [{ ...token('a'), path: `${PATH}?dryRun=maybe` }, 400, UNCLEAR],
  'dryRun twice': [{ ...token('a'), path: `${PATH}?dryRun=true&dryRun=true` }, 400, UNCLEAR],
  'a foreign token': [token('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA'), 401, MALFORMED],
  'a sample token for real': [token('abc123.def456'), 401, MALFORMED],
  'a token of 100 KB': [token('a'.repeat(100_000)), 413, TOO_LARGE],
  'a form': [
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'refreshToken=a' },
    415,
    NOT_JSON,
  ],
  'plain text': [{ headers: { 'content-type': 'text/plain' }, body: 'a' }, 415, NOT_JSON],
  'a body of no type': [{ body: '{"refreshToken":"a"}' }, 415, NOT_JSON],
  'a path that is not there': [{ ...token('a'), path: '/v1/auth/token' }, 404, NOT_FOUND],
  'a path with a slash too many': [{ ...token('a'), path: `${PATH}/` }, 404, NOT_FOUND],
  'a GET': [{ method: 'GET' }, 405, WRONG_METHOD],
  'a PUT': [{ ...token('a'), method: 'PUT' }, 405, WRONG_METHOD],
  'a path that is wrongly escaped': [
    { ...token('a'), path: '/v1/auth/%E0%A4%A' },
    400,
    ['BAD_REQUEST', 'the path is not valid'],
  ],
  'what is no HTTP': [
    { ...token('a'), headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked, nonsense' } },
    400,
    ['BAD_REQUEST', 'the request is not valid HTTP'],
  ],
};

describe('a program that uses the DynamoSQL contract', () => {
  const { database, service, start } = useService({ CONTRACTS: 'dynamosql' });

  async function send(request: RawRequest, to = service): Promise<RawAnswer> {
    const answer = await sendRaw(to.url, { path: PATH, ...request });
    const { status, headers, body } = answer;
    // A status that is not published has the same body as those that are.
    const described = [200, 400, 401, 429].includes(status) ? String(status) : '400';
    expect(published(described, body)).toEqual([]);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['set-cookie']).toBeUndefined();
    return answer;
  }

  const refresh = (refreshToken: string, query = ''): Promise<RawAnswer> =>
    send({ ...token(refreshToken), path: PATH + query });

  function expectGood({ status, body }: RawAnswer): void {
    expect([status, body]).toEqual([200, GOOD]);
  }

  function expectFailed(answer: RawAnswer, expected: number, [code, message]: Said): void {
    const { status, headers, body } = answer;
    const requestId = headers['x-request-id'];
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect([status, body]).toEqual([expected, { success: false, error: { message, code, requestId } }]);
  }

  test('is given an access token and no refresh token, as often as it asks', async () => {
    const { refreshToken } = await service.open();
    for (let times = 0; times < 3; times++) expectGood(await refresh(refreshToken));
  });

  test('whose answer was lost asks again, and so do ten of its threads at once', async () => {
    const { refreshToken } = await service.open();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
    answers.forEach(expectGood);
  });

  test('is told how long its access token lives, which is never longer than the session', async () => {
    const { refreshToken } = await service.open({ lifetimes: { max: 600 } });
    await database.advance(400_000);
    const { data } = (await refresh(refreshToken)).body as unknown as typeof GOOD;
    expect(data.expiresIn).toBeGreaterThan(190);
    expect(data.expiresIn).toBeLessThanOrEqual(200);
  });

  test.each<[what: string, status: number, said: Said, story: () => Promise<string>]>([
    ['that was idle for too long', 401, EXPIRED, () => opened({ idle: 60 }, 60_000)],
    ['that came to its last day', 401, EXPIRED, () => opened({ max: 60 }, 60_000)],
    [
      'that was ended',
      401,
      REVOKED,
      async () => {
        const { refreshToken, session } = await service.open();
        await service.api('DELETE', `/sessions/${session.id}`);
        return refreshToken;
      },
    ],
    ['that has gone', 401, UNKNOWN, () => changed('DELETE FROM sessions WHERE id = $1')],
    [
      'of another client',
      401,
      WRONG_CLIENT,
      () => changed('UPDATE sessions SET client_bound = true WHERE id = $1'),
    ],
    [
      'whose token a thief turned into two others',
      401,
      REUSED,
      () => changed(`UPDATE sessions SET generation = 2, rotated_at = now() WHERE id = $1`),
    ],
    [
      'with a forged token',
      401,
      MALFORMED,
      async () => `${(await service.open()).refreshToken.slice(0, -2)}__`,
    ],
  ])('with a session %s is told %i', async (_what, status, said, story) => {
    expectFailed(await refresh(await story()), status, said);
  });

  async function opened(lifetimes: Record<string, number>, later: number): Promise<string> {
    const { refreshToken } = await service.open({ lifetimes });
    await database.advance(later);
    return refreshToken;
  }

  async function changed(statement: string): Promise<string> {
    const { refreshToken, session } = await service.open();
    await database.query(statement, [session.id]);
    return refreshToken;
  }

  test.each(Object.keys(BAD))('that sends %s is told so, and nothing changes', async (what) => {
    const [sent, status, said] = BAD[what]!;
    const before = await database.dump();
    const answer = await send(sent);
    expectFailed(answer, status, said);
    expect(answer.headers['allow']).toBe(status === 405 ? 'POST' : undefined);
    expect(await database.dump()).toBe(before);
  });

  test('that names its request finds the name in the answer', async () => {
    const { headers, body } = await send({ headers: { 'x-request-id': 'my-request.1' } });
    expect(headers['x-request-id']).toBe('my-request.1');
    expect(body).toMatchObject({ error: { requestId: 'my-request.1' } });
  });

  describe('in a dry run', () => {
    test('is answered alike, and nothing is written', async () => {
      const { refreshToken } = await service.open();
      await database.advance(61_000);
      const before = await database.dump();
      const answer = await refresh(refreshToken, '?dryRun=true');
      expectGood(answer);
      expect(answer.headers['dry-run']).toBe('true');
      expect(await database.dump()).toBe(before);
      expectGood(await refresh(refreshToken, '?dryRun=false'));
      expect(await database.dump()).not.toBe(before);
    });

    test.each<[sample: string, said: Said]>([
      ['expired.def456', EXPIRED],
      ['revoked.def456', REVOKED],
      ['reused.def456', REUSED],
      ['malformed.def456', MALFORMED],
    ])('of the sample %s is refused', async (sample, said) => {
      expectFailed(await refresh(sample, '?dryRun=true'), 401, said);
    });

    test('of the sample that succeeds is answered', async () => {
      expectGood(await refresh('abc123.def456', '?dryRun=true'));
    });
  });

  test('that asks too often is told when to come again', async () => {
    const limited = await start({ CONTRACTS: 'dynamosql', RATE_LIMIT_PER_ADDRESS: '1' });
    expectFailed(await send({}, limited), 400, MISSING);
    const answer = await send({}, limited);
    expectFailed(answer, 429, ['RATE_LIMITED', 'Too many requests; try again later']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('that reports a request id is found in the log by it, whatever went wrong', async () => {
    const broken = await TestDatabase.create();
    const spawned = await spawnService({ DATABASE_URL: broken.url, CONTRACTS: 'dynamosql' });
    let log = '';
    spawned.process!.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const seen: unknown[][] = [];
    try {
      const { refreshToken } = await spawned.open();
      await broken.query('DROP TABLE sessions');
      const sent = [token(refreshToken), {}, token('nonsense'), text('{'), { method: 'GET' }];
      for (const request of sent) {
        const { status, headers, body } = await send(request, spawned);
        const { requestId } = body['error'] as { requestId: string };
        expect(requestId).toBe(headers['x-request-id']);
        seen.push([requestId, status]);
      }
    } finally {
      await spawned.stop();
      await broken.drop();
    }
    const lines = log
      .split('\n')
      .filter((line) => line.includes('"contract":"dynamosql"'))
      .map((line) => JSON.parse(line) as { requestId: string; status: number });
    expect(lines.map(({ requestId, status }) => [requestId, status])).toEqual(seen);
    expect(seen.map(([, status]) => status)).toEqual([500, 400, 401, 400, 405]);
    expect(log).not.toContain('rt1_');
  });
});

test('a body that is published otherwise would be told', () => {
  expect(published('200', { data: {} })).not.toEqual([]);
  expect(published('200', { ...GOOD, data: { expiresIn: '900' } })).not.toEqual([]);
  expect(published('400', { success: 'no' })).not.toEqual([]);
  expect(published('401', { success: false, error: 'a sentence' })).not.toEqual([]);
});
