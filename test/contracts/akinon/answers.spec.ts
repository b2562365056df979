import { TestDatabase } from '../../support/database.ts';
import { sendRaw, type RawAnswer, type RawRequest } from '../../support/raw-http.ts';
import { startService, type OpenedSession, type TestService } from '../../support/service.ts';
import { expectAsPublished } from './published.ts';

const PATH = '/api/v1/auth/refresh-token';
const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): RawRequest => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
const text = (body: string): RawRequest => ({ headers: JSON_TYPE, body });
const token = (refreshToken: string): RawRequest => json({ refreshToken });

const TOKENS = {
  accessToken: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/) as string,
  refreshToken: expect.stringMatching(/^rt1_[\w-]{34}\.[\w-]{43}$/) as string,
};
const invalid = (field: string, sentence: string): object => ({ validationError: { [field]: [sentence] } });
const failed = (sentence: string): object => ({ apiError: [sentence] });

const NO_STRING = invalid('refreshToken', 'refreshToken must be a string');
const NO_JSON = invalid('body', 'the body is not valid JSON');
const MALFORMED = failed('This is not a refresh token of this service');
const NO_PATH = failed('There is nothing at this path');
const NO_METHOD = failed('This path does not know this method');
const WRONG_TYPE = failed('The body must be application/json');

const BAD: Record<string, [sent: RawRequest, status: number, body: object]> = {
  'no body': [{}, 400, NO_STRING],
  'an empty body of type JSON': [text(''), 400, NO_STRING],
  'an empty object': [json({}), 400, NO_STRING],
  'an empty token': [token(''), 400, invalid('refreshToken', 'refreshToken should not be empty')],
  'a number for a token': [json({ refreshToken: 42 }), 400, NO_STRING],
  'an array for a token': [json({ refreshToken: ['a'] }), 400, NO_STRING],
  'an object for a token': [json({ refreshToken: { $ne: null } }), 400, NO_STRING],
  'null for a token': [json({ refreshToken: null }), 400, NO_STRING],
  'an array for a body': [json([]), 400, NO_STRING],
  'an array of bodies': [json([{ refreshToken: 'a' }]), 400, NO_STRING],
  'a token of 10 KB': [
    token('a'.repeat(10_000)),
    400,
    invalid('refreshToken', 'refreshToken must be shorter than or equal to 4096 characters'),
  ],
  'JSON that breaks off': [text('{"refreshToken":"a'), 400, NO_JSON],
  'deep JSON': [
    text('{"a":'.repeat(2_500) + '1' + '}'.repeat(2_500)),
    400,
    invalid('body', 'the body is nested deeper than 16 levels'),
  ],
  'an unknown dryRun': [
    { ...token('a'), path: `${PATH}?dryRun=maybe` },
    400,
    invalid('dryRun', 'dryRun must be one of the following values: true, false'),
  ],
  'a foreign token': [token('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA'), 401, MALFORMED],
  'a sample token': [token('abc123.def456'), 401, MALFORMED],
  'a token of 100 KB': [token('a'.repeat(100_000)), 413, failed('The request is too large')],
  'a form': [
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'refreshToken=a' },
    415,
    WRONG_TYPE,
  ],
  'plain text': [{ headers: { 'content-type': 'text/plain' }, body: 'a' }, 415, WRONG_TYPE],
  'the wrong method': [{ method: 'GET' }, 405, NO_METHOD],
  'another wrong method': [{ ...token('a'), method: 'PUT' }, 405, NO_METHOD],
  'a path that is not there': [{ ...token('a'), path: '/api/v1/auth/refresh' }, 404, NO_PATH],
  'a path that is wrongly escaped': [
    { ...token('a'), path: '/api/v1/auth/%E0%A4%A' },
    400,
    invalid('path', 'the path is not valid'),
  ],
};

describe('a frontend of the Akinon contract', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'akinon' });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  async function ask(sent: RawRequest, at = service): Promise<RawAnswer> {
    const answer = await sendRaw(at.url, { path: PATH, ...sent });
    expectAsPublished(answer.status, answer.body);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers['set-cookie']).toBeUndefined();
    return answer;
  }

  async function refresh(refreshToken: string, query = ''): Promise<[status: number, body: OpenedSession]> {
    const { status, body } = await ask({ ...token(refreshToken), path: PATH + query });
    return [status, body as unknown as OpenedSession];
  }

  test('is given a pair, and with it another', async () => {
    const opened = await service.open();
    const [status, first] = await refresh(opened.refreshToken);
    expect([status, first]).toEqual([201, TOKENS]);
    expect(first.refreshToken).not.toBe(opened.refreshToken);
    await database.advance(10_001);
    expect(await refresh(first.refreshToken)).toEqual([201, TOKENS]);
  });

  test('that lost the answer is given the same successor again', async () => {
    const { refreshToken } = await service.open();
    const [, lost] = await refresh(refreshToken);
    const [status, again] = await refresh(refreshToken);
    expect([status, again.refreshToken]).toEqual([201, lost.refreshToken]);
  });

  test('in two tabs at once goes on in both', async () => {
    const { refreshToken } = await service.open();
    const [[first, one], [second, other]] = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect([first, second, other.refreshToken]).toEqual([201, 201, one.refreshToken]);
  });

  test('whose token was stolen is logged out with the thief', async () => {
    const { refreshToken: stolen } = await service.open();
    const [, { refreshToken: successor }] = await refresh(stolen);
    await database.advance(10_001);
    const [, { refreshToken: owners }] = await refresh(successor);
    expect(await refresh(stolen)).toEqual([
      401,
      failed('The refresh token was used before, so its session was ended'),
    ]);
    expect(await refresh(owners)).toEqual([401, failed('The session was ended')]);
  });

  test.each([
    ['idle for too long', { idle: 60 }],
    ['over', { max: 60 }],
  ])('whose session is %s is told that it has expired', async (_what, lifetimes) => {
    const { refreshToken } = await service.open({ lifetimes });
    await database.advance(60_000);
    expect(await refresh(refreshToken)).toEqual([401, failed('The session has expired')]);
  });

  test('whose session is gone, or was ended, is told so', async () => {
    const [ended, gone] = [await service.open(), await service.open()];
    await service.api('DELETE', `/sessions/${ended.session.id}`);
    await database.query('DELETE FROM sessions WHERE id = $1', [gone.session.id]);
    expect(await refresh(ended.refreshToken)).toEqual([401, failed('The session was ended')]);
    expect(await refresh(gone.refreshToken)).toEqual([401, failed('There is no such session')]);
  });

  test.each(Object.keys(BAD))('that sends %s is told so, and nothing changes', async (what) => {
    const [sent, status, body] = BAD[what]!;
    const before = await database.dump();
    const answer = await ask(sent);
    expect([answer.status, answer.body]).toEqual([status, body]);
    if (status === 405) expect(answer.headers['allow']).toBe('POST');
    expect(await database.dump()).toBe(before);
  });

  test('that asks too often is told when to come again', async () => {
    const limited = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'akinon',
      RATE_LIMIT_PER_ADDRESS: '1',
    });
    await ask({}, limited);
    const answer = await ask({}, limited);
    await limited.stop();
    expect([answer.status, answer.body]).toEqual([429, failed('Too many requests; try again later')]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('that tries it dry is answered in the same shape, and nothing is written', async () => {
    const { refreshToken } = await service.open();
    const before = await database.dump();
    for (const tried of [refreshToken, 'abc123.def456']) {
      const answer = await ask({ ...token(tried), path: `${PATH}?dryRun=true` });
      expect([answer.status, answer.body, answer.headers['dry-run']]).toEqual([201, TOKENS, 'true']);
      expect(await refresh((answer.body as unknown as OpenedSession).refreshToken)).toEqual([401, MALFORMED]);
    }
    expect(await refresh('expired.def456', '?dryRun=true')).toEqual([401, failed('The session has expired')]);
    expect(await database.dump()).toBe(before);
  });
});

describe('a page of another origin', () => {
  test('may send an access token along if its origin is allowed', async () => {
    const database = await TestDatabase.create();
    const APP = 'https://app.example.com';
    const service = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'akinon',
      ALLOWED_ORIGINS: APP,
    });
    const asked = async (origin: string): Promise<unknown[]> => {
      const { headers } = await fetch(service.url + PATH, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      return [
        headers.get('access-control-allow-origin'),
        headers.get('access-control-allow-headers')?.includes('x-access-token'),
      ];
    };
    expect(await asked(APP)).toEqual([APP, true]);
    expect(await asked('https://evil.example')).toEqual([null, undefined]);
    await service.stop();
    await database.drop();
  });
});
