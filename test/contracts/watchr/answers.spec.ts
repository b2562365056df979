import { TestDatabase } from '../../support/database.ts';
import { sendRaw, type RawAnswer, type RawRequest } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';
import { readDocument, schemasOf } from '../as-published.ts';

const published = schemasOf(readDocument('test/contracts/published/watchr.yaml'), '/auth/refresh');
/** For the statuses that are not published. */
const own = schemasOf(readDocument('openapi/watchr.json'), '/auth/refresh');

const JSON_TYPE = { 'content-type': 'application/json' };
const GOOD = {
  access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
  token_type: 'bearer',
};
const BAD_TOKEN = { detail: 'The refresh token is not valid; sign in again' };
const EXPIRED = { detail: 'The session has expired; sign in again' };
const MISSING = {
  detail: [{ loc: ['cookie', 'refresh_token'], msg: 'Field required', type: 'missing', input: null }],
};
const NO_JSON = { detail: [{ loc: ['body'], msg: 'the body is not valid JSON', type: 'json_invalid' }] };
const TOO_LARGE = { detail: 'The request is too large' };
const NOT_JSON = { detail: 'A body, if there is one, must be application/json' };
const NOT_FOUND = { detail: 'There is nothing at this path' };
const WRONG_METHOD = { detail: 'This path does not know this method' };
const TOSSED = cookieError('the cookie refresh_token was sent 9 times');
const UNCLEAR = {
  detail: [
    {
      loc: ['query', 'dryRun'],
      msg: 'dryRun must be one of the following values: true, false',
      type: 'literal_error',
    },
  ],
};

function cookieError(msg: string): object {
  return { detail: [{ loc: ['cookie', 'refresh_token'], msg, type: 'value_error' }] };
}

const cookie = (...values: string[]): Record<string, string> => ({
  cookie: values.map((value) => `refresh_token=${value}`).join('; '),
});
const deep = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

/** The refresh token that an answer's cookie carries. */
function tokenIn({ headers }: RawAnswer): string {
  return /^refresh_token=(rt1_[\w.-]+); Max-Age=\d+; Path=\/auth; HttpOnly; SameSite=Strict; Secure$/.exec(
    headers['set-cookie']![0]!,
  )![1]!;
}

function expectAsPublished({ status, headers, body }: RawAnswer): void {
  const fits = [200, 422].includes(status) ? published : own;
  // Statuses of paths and methods that are not this operation's have its other errors' body.
  const described = [200, 401, 403, 413, 415, 422, 429, 503].includes(status) ? String(status) : '401';
  expect(fits(described, body)).toEqual([]);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(headers['cache-control']).toBe('no-store');
}

describe('a frontend of the Watchr contract', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'watchr' });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  async function send(request: RawRequest, to = service): Promise<RawAnswer> {
    const answer = await sendRaw(to.url, request);
    expectAsPublished(answer);
    return answer;
  }

  const refresh = (token: string, query = ''): Promise<RawAnswer> =>
    send({ path: `/auth/refresh${query}`, headers: cookie(token) });

  const shown = ({ status, body }: RawAnswer): unknown => [status, body];

  describe('with its cookie', () => {
    test('is given an access token, and the rotated refresh token in a cookie alone', async () => {
      const { refreshToken } = await service.open();
      const answer = await refresh(refreshToken);
      expect(shown(answer)).toEqual([200, GOOD]);
      expect(tokenIn(answer)).not.toBe(refreshToken);
      expect(JSON.stringify(answer.body)).not.toContain('rt1_');
      expect(shown(await refresh(tokenIn(answer)))).toEqual([200, GOOD]);
    });

    test('whose answer was lost asks again, and is given the same cookie', async () => {
      const { refreshToken } = await service.open();
      const [lost, again] = [await refresh(refreshToken), await refresh(refreshToken)];
      expect(shown(again)).toEqual([200, GOOD]);
      expect(tokenIn(again)).toBe(tokenIn(lost));
    });

    test('in two tabs at once is given the same cookie in both', async () => {
      const { refreshToken } = await service.open();
      const [one, other] = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
      expect([shown(one), shown(other)]).toEqual([
        [200, GOOD],
        [200, GOOD],
      ]);
      expect(tokenIn(one)).toBe(tokenIn(other));
    });

    test('in a second tab, just after the first, keeps the cookie it has', async () => {
      const { refreshToken } = await service.open();
      const successor = tokenIn(await refresh(refreshToken));
      expect(tokenIn(await refresh(successor))).toBe(successor);
    });

    test('that a thief used once its successor was used is out, and so is the thief', async () => {
      const { refreshToken: stolen } = await service.open();
      const successor = tokenIn(await refresh(stolen));
      await database.advance(10_001);
      const owners = tokenIn(await refresh(successor));
      const thief = await refresh(stolen);
      expect([shown(thief), thief.headers['set-cookie']]).toEqual([[401, BAD_TOKEN], undefined]);
      expect(shown(await refresh(owners))).toEqual([401, BAD_TOKEN]);
    });

    test('that is idle for too long has expired', async () => {
      const { refreshToken } = await service.open({ lifetimes: { idle: 60 } });
      await database.advance(60_000);
      expect(shown(await refresh(refreshToken))).toEqual([401, EXPIRED]);
    });

    test('that refreshes until the last day has expired then', async () => {
      const { refreshToken } = await service.open({ lifetimes: { idle: 60, max: 100 } });
      await database.advance(59_000);
      const successor = tokenIn(await refresh(refreshToken));
      await database.advance(41_001);
      expect(shown(await refresh(successor))).toEqual([401, EXPIRED]);
    });

    test('whose session was ended, has gone or is another client’s is told the same as a forger', async () => {
      const revoked = await service.open();
      await service.api('DELETE', `/sessions/${revoked.session.id}`);
      const gone = await service.open();
      await database.query('DELETE FROM sessions WHERE id = $1', [gone.session.id]);
      const bound = await service.open();
      await database.query('UPDATE sessions SET client_bound = true WHERE id = $1', [bound.session.id]);
      const forged = { refreshToken: `${bound.refreshToken.slice(0, -2)}__` };
      for (const { refreshToken } of [revoked, gone, bound, forged, { refreshToken: 'abc123.def456' }]) {
        expect(shown(await refresh(refreshToken))).toEqual([401, BAD_TOKEN]);
      }
    });

    test.each<[what: string, body: string]>([
      ['a token', '{"refreshToken":"abc123.def456"}'],
      ['a number for a token', '{"refresh_token":42}'],
      ['an array', '[]'],
      ['a number', '1'],
      ['null', 'null'],
      ['a string', '"abc123.def456"'],
      ['an empty body', ''],
    ])('that also sends JSON, %s, is not listened to', async (_what, body) => {
      const { refreshToken } = await service.open();
      const answer = await send({ headers: { ...JSON_TYPE, ...cookie(refreshToken) }, body });
      expect(shown(answer)).toEqual([200, GOOD]);
      expect(shown(await send({ headers: JSON_TYPE, body }))).toEqual([422, MISSING]);
    });

    test('of a page of a foreign origin is turned away', async () => {
      const { refreshToken } = await service.open();
      const headers = {
        ...cookie(refreshToken),
        origin: 'https://evil.example',
        'sec-fetch-site': 'cross-site',
      };
      const answer = await send({ headers });
      expect(shown(answer)).toEqual([403, { detail: 'Pages of this origin may not use the cookie' }]);
    });
  });

  const BAD: Record<string, [sent: RawRequest, status: number, body: object]> = {
    'no cookie': [{}, 422, MISSING],
    'another cookie': [{ headers: { cookie: 'refreshToken=a; session=b' } }, 422, MISSING],
    'an empty cookie': [{ headers: cookie('') }, 422, MISSING],
    'no cookie, for a dry run': [{ path: '/auth/refresh?dryRun=true' }, 422, MISSING],
    'a token in the query': [{ path: '/auth/refresh?refresh_token=abc123.def456' }, 422, MISSING],
    'a token in Authorization': [{ headers: { authorization: 'Bearer abc123.def456' } }, 422, MISSING],
    'the cookie twice, neither good': [{ headers: cookie('a', 'b') }, 401, BAD_TOKEN],
    'the cookie twice, alike': [{ headers: cookie('a', 'a') }, 401, BAD_TOKEN],
    'the cookie more often than browsers hold it': [
      { headers: cookie(...'a b c d e f g h i'.split(' ')) },
      422,
      TOSSED,
    ],
    'a cookie that reads as a JSON object': [{ headers: cookie('j:{"a":1}') }, 401, BAD_TOKEN],
    'a cookie that reads as a JSON number': [{ headers: cookie('j%3A42') }, 401, BAD_TOKEN],
    'a foreign token': [{ headers: cookie('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA') }, 401, BAD_TOKEN],
    'a NUL for a token': [{ headers: cookie('%00') }, 401, BAD_TOKEN],
    'a sample token for real': [{ headers: cookie('abc123.def456') }, 401, BAD_TOKEN],
    'an unknown dryRun': [{ path: '/auth/refresh?dryRun=maybe' }, 422, UNCLEAR],
    'an empty dryRun': [{ path: '/auth/refresh?dryRun=' }, 422, UNCLEAR],
    'dryRun twice': [{ path: '/auth/refresh?dryRun=true&dryRun=true' }, 422, UNCLEAR],
    'JSON that breaks off': [{ headers: JSON_TYPE, body: '{"refreshToken":"a' }, 422, NO_JSON],
    'JSON that is not UTF-8': [{ headers: JSON_TYPE, body: '\u00ff\u00fe' }, 422, NO_JSON],
    'a __proto__': [{ headers: JSON_TYPE, body: '{"__proto__":{"a":1}}' }, 422, NO_JSON],
    'deep JSON': [
      { headers: JSON_TYPE, body: deep(2_500) },
      422,
      {
        detail: [{ loc: ['body'], msg: 'the body is nested deeper than 16 levels', type: 'json_invalid' }],
      },
    ],
    'a form': [
      {
        headers: { ...cookie('a'), 'content-type': 'application/x-www-form-urlencoded' },
        body: 'refresh_token=a',
      },
      415,
      NOT_JSON,
    ],
    'plain text': [{ headers: { ...cookie('a'), 'content-type': 'text/plain' }, body: '{}' }, 415, NOT_JSON],
    'a body of no type': [{ headers: cookie('a'), body: '{}' }, 415, NOT_JSON],
    'a body of 100 KB': [{ headers: JSON_TYPE, body: JSON.stringify('a'.repeat(100_000)) }, 413, TOO_LARGE],
    'a path that is not there': [{ path: '/auth/refreshh' }, 404, NOT_FOUND],
    'a path with a slash too many': [{ path: '/auth/refresh/' }, 404, NOT_FOUND],
    'the folder': [{ path: '/auth', method: 'GET' }, 404, NOT_FOUND],
    'a GET': [{ method: 'GET' }, 405, WRONG_METHOD],
    'a DELETE': [{ method: 'DELETE' }, 405, WRONG_METHOD],
    'a path that is wrongly escaped': [
      { path: '/auth/%E0%A4%A' },
      422,
      { detail: [{ loc: ['path'], msg: 'the path is not valid', type: 'value_error' }] },
    ],
    'what is no HTTP': [
      { headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked, nonsense' }, body: '{}' },
      422,
      { detail: [{ loc: ['header'], msg: 'the request is not valid HTTP', type: 'value_error' }] },
    ],
  };

  test.each(Object.keys(BAD))(
    'that sends %s is told so, keeps its cookies, and nothing changes',
    async (what) => {
      const [sent, status, body] = BAD[what]!;
      const before = await database.dump();
      const answer = await send(sent);
      expect(shown(answer)).toEqual([status, body]);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['allow']).toBe(status === 405 ? 'POST' : undefined);
      expect(await database.dump()).toBe(before);
    },
  );

  test('that sends a cookie of 100 KB is told that it is too large', async () => {
    const { status, body } = await sendRaw(service.url, { headers: cookie('a'.repeat(100_000)) });
    expect([status, body]).toEqual([431, TOO_LARGE]);
  });

  describe('in a dry run', () => {
    test('is answered alike, and neither a cookie nor the database changes', async () => {
      const { refreshToken } = await service.open();
      const before = await database.dump();
      const answer = await refresh(refreshToken, '?dryRun=true');
      expect(shown(answer)).toEqual([200, GOOD]);
      expect([answer.headers['dry-run'], answer.headers['set-cookie']]).toEqual(['true', undefined]);
      expect(await database.dump()).toBe(before);
      expect(shown(await refresh(refreshToken, '?dryRun=false'))).toEqual([200, GOOD]);
    });

    test('of a stolen token is told what would happen, and the session goes on', async () => {
      const { refreshToken: stolen } = await service.open();
      const successor = tokenIn(await refresh(stolen));
      await database.advance(10_001);
      const owners = tokenIn(await refresh(successor));
      expect(shown(await refresh(stolen, '?dryRun=true'))).toEqual([401, BAD_TOKEN]);
      expect(shown(await refresh(owners))).toEqual([200, GOOD]);
    });

    test.each<[token: string, status: number, body: object]>([
      ['abc123.def456', 200, GOOD],
      ['expired.def456', 401, EXPIRED],
      ['revoked.def456', 401, BAD_TOKEN],
      ['reused.def456', 401, BAD_TOKEN],
      ['malformed.def456', 401, BAD_TOKEN],
    ])('of the sample %s is answered %i', async (token, status, body) => {
      expect(shown(await refresh(token, '?dryRun=true'))).toEqual([status, body]);
    });
  });

  test('that asks too often is told when to come again', async () => {
    const limited = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'watchr',
      RATE_LIMIT_PER_ADDRESS: '1',
    });
    try {
      expect(shown(await send({}, limited))).toEqual([422, MISSING]);
      const answer = await send({}, limited);
      expect(shown(answer)).toEqual([429, { detail: 'Too many requests; try again later' }]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    } finally {
      await limited.stop();
    }
  });

  test('that meets a surprise is told that it is ours', async () => {
    const broken = await TestDatabase.create();
    const surprised = await startService({ DATABASE_URL: broken.url, CONTRACTS: 'watchr' });
    try {
      const { refreshToken } = await surprised.open();
      await broken.query('DROP TABLE sessions');
      const answer = await send({ headers: cookie(refreshToken) }, surprised);
      expect(shown(answer)).toEqual([500, { detail: 'Something went wrong on our side' }]);
    } finally {
      await surprised.stop();
      await broken.drop();
    }
  });

  test('whose cookie has a prefix, and whose paths have one, is told of the cookie that it lacks', async () => {
    const elsewhere = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'watchr@/watchr',
      COOKIE_PREFIX: '__Secure-',
    });
    try {
      const path = '/watchr/auth/refresh';
      const { refreshToken } = await elsewhere.open();
      const named = { ...MISSING.detail[0], loc: ['cookie', '__Secure-refresh_token'] };
      const without = await send({ path, headers: cookie(refreshToken) }, elsewhere);
      expect(shown(without)).toEqual([422, { detail: [named] }]);
      const answer = await send(
        { path, headers: { cookie: `__Secure-refresh_token=${refreshToken}` } },
        elsewhere,
      );
      expect(shown(answer)).toEqual([200, GOOD]);
      expect(answer.headers['set-cookie']![0]).toMatch(
        /^__Secure-refresh_token=rt1_[\w.-]+; Max-Age=\d+; Path=\/watchr\/auth; HttpOnly; SameSite=Strict; Secure$/,
      );
    } finally {
      await elsewhere.stop();
    }
  });
});

test('a body that is published otherwise would be told', () => {
  expect(published('200', { access_token: 'a' })).not.toEqual([]);
  expect(published('422', { detail: 'a sentence' })).not.toEqual([]);
  expect(published('422', { detail: [{ loc: ['cookie'], msg: 'a sentence' }] })).not.toEqual([]);
  expect(own('401', { detail: [] })).not.toEqual([]);
});
