import { TestDatabase } from '../../support/database.ts';
import { sendRaw, type RawAnswer, type RawRequest } from '../../support/raw-http.ts';
import { startService, type OpenedSession, type TestService } from '../../support/service.ts';
import { expectAsPublished } from './facts.ts';

const PATH = '/auth/refresh-token';
const JSON_TYPE = { 'content-type': 'application/json' };
const json = (value: unknown): RawRequest => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
const text = (body: string): RawRequest => ({ headers: JSON_TYPE, body });
const token = (refreshToken: string): RawRequest => json({ refreshToken });

const REFRESHED = {
  accessToken: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/) as string,
  refreshToken: expect.stringMatching(/^rt1_[\w-]{34}\.[\w-]{43}$/) as string,
  message: 'Token refreshed successfully',
  isRequiresMfa: false,
};

type HttpRefusalReason = [status: number, body: { message: string; code: string }];
const failure = (status: number, code: string, message: string): HttpRefusalReason => [
  status,
  { message, code },
];
const invalid = (message: string): HttpRefusalReason => failure(401, 'REFRESH_TOKEN_INVALID', message);
const wrong = (message: string): HttpRefusalReason => failure(400, 'INVALID_INPUT', message);

const MISSING = invalid('No refresh token was sent');
const MALFORMED = invalid('This is not a refresh token of this service');
const ENDED = invalid('The session was ended');
const REUSED = invalid('The refresh token was used before, so its session was ended');
const EXPIRED = failure(401, 'REFRESH_TOKEN_EXPIRED', 'The session has expired');
const NO_STRING = wrong('refreshToken must be a string');
const NO_OBJECT = wrong('Validation failed (object is expected)');
const NO_JSON = wrong('the body is not valid JSON');
const WRONG_TYPE = failure(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json');
const NO_METHOD = failure(405, 'METHOD_NOT_ALLOWED', 'This path does not know this method');
const NO_PATH = failure(404, 'NOT_FOUND', 'There is nothing at this path');

const BAD: Record<string, [sent: RawRequest, failure: HttpRefusalReason]> = {
  'no body': [{}, MISSING],
  'an empty body of type JSON': [text(''), MISSING],
  'an empty object': [json({}), MISSING],
  'an empty token': [token(''), MISSING],
  'a foreign token': [token('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA'), MALFORMED],
  'a sample token': [token('abc123.def456'), MALFORMED],
  'a number for a token': [json({ refreshToken: 42 }), NO_STRING],
  'an array for a token': [json({ refreshToken: ['a'] }), NO_STRING],
  'an object for a token': [json({ refreshToken: { $ne: null } }), NO_STRING],
  'null for a token': [json({ refreshToken: null }), NO_STRING],
  'an array for a body': [json([]), NO_OBJECT],
  'an array of bodies': [json([{ refreshToken: 'a' }]), NO_OBJECT],
  'a token of 10 KB': [
    token('a'.repeat(10_000)),
    wrong('refreshToken must be shorter than or equal to 4096 characters'),
  ],
  'JSON that breaks off': [text('{"refreshToken":"a'), NO_JSON],
  'deep JSON': [
    text('{"a":'.repeat(2_500) + '1' + '}'.repeat(2_500)),
    wrong('the body is nested deeper than 16 levels'),
  ],
  'an unknown dryRun': [
    { ...token('a'), path: `${PATH}?dryRun=maybe` },
    wrong('dryRun must be one of the following values: true, false'),
  ],
  'a token of 100 KB': [
    token('a'.repeat(100_000)),
    failure(413, 'PAYLOAD_TOO_LARGE', 'The request is too large'),
  ],
  'a form': [
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'refreshToken=a' },
    WRONG_TYPE,
  ],
  'plain text': [{ headers: { 'content-type': 'text/plain' }, body: 'a' }, WRONG_TYPE],
  'the wrong method': [{ method: 'GET' }, NO_METHOD],
  'another wrong method': [{ ...token('a'), method: 'PUT' }, NO_METHOD],
  'a path that is not there': [{ ...token('a'), path: '/auth/refresh' }, NO_PATH],
  'a path that is wrongly escaped': [
    { ...token('a'), path: '/auth/%E0%A4%A' },
    wrong('the path is not valid'),
  ],
};

describe('a frontend of the nest-auth contract', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'nest-auth' });
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
    expect([status, first]).toEqual([200, REFRESHED]);
    expect(first.refreshToken).not.toBe(opened.refreshToken);
    await database.advance(10_001);
    expect(await refresh(first.refreshToken)).toEqual([200, REFRESHED]);
  });

  test('that lost the answer is given the same successor again', async () => {
    const { refreshToken } = await service.open();
    const [, lost] = await refresh(refreshToken);
    const [status, again] = await refresh(refreshToken);
    expect([status, again.refreshToken]).toEqual([200, lost.refreshToken]);
  });

  test('in two tabs at once goes on in both', async () => {
    const { refreshToken } = await service.open();
    const [[first, one], [second, other]] = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect([first, second, other.refreshToken]).toEqual([200, 200, one.refreshToken]);
  });

  test('whose token was stolen is logged out with the thief', async () => {
    const { refreshToken: stolen } = await service.open();
    const [, { refreshToken: successor }] = await refresh(stolen);
    await database.advance(10_001);
    const [, { refreshToken: owners }] = await refresh(successor);
    expect(await refresh(stolen)).toEqual(REUSED);
    expect(await refresh(owners)).toEqual(ENDED);
  });

  test.each([
    ['idle for too long', { idle: 60 }],
    ['over', { max: 60 }],
  ])('whose session is %s is told that it has expired', async (_what, lifetimes) => {
    const { refreshToken } = await service.open({ lifetimes });
    await database.advance(60_000);
    expect(await refresh(refreshToken)).toEqual(EXPIRED);
  });

  test('whose session is gone, was ended, or is another client’s, is told that the token is invalid', async () => {
    const [ended, gone] = [await service.open(), await service.open()];
    await service.api('DELETE', `/sessions/${ended.session.id}`);
    await database.query('DELETE FROM sessions WHERE id = $1', [gone.session.id]);
    expect(await refresh(ended.refreshToken)).toEqual(ENDED);
    expect(await refresh(gone.refreshToken)).toEqual(invalid('There is no such session'));
    await service.api('POST', '/clients', { id: 'shop' });
    const bound = await service.open({ clientId: 'shop' });
    expect(await refresh(bound.refreshToken)).toEqual(invalid('The refresh token belongs to another client'));
  });

  test.each(Object.keys(BAD))('that sends %s is told so, and nothing changes', async (what) => {
    const [sent, told] = BAD[what]!;
    const before = await database.dump();
    const answer = await ask(sent);
    expect([answer.status, answer.body]).toEqual(told);
    if (told[0] === 405) expect(answer.headers['allow']).toBe('POST');
    expect(await database.dump()).toBe(before);
  });

  test('that asks too often is told when to come again', async () => {
    const settings = { DATABASE_URL: database.url, CONTRACTS: 'nest-auth', RATE_LIMIT_PER_ADDRESS: '1' };
    const limited = await startService(settings);
    await ask({}, limited);
    const answer = await ask({}, limited);
    await limited.stop();
    expect([answer.status, answer.body]).toEqual(
      failure(429, 'RATE_LIMITED', 'Too many requests; try again later'),
    );
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('may send any access token along, or none', async () => {
    const { refreshToken } = await service.open();
    for (const authorization of ['Bearer nonsense', 'Bearer ', 'Basic YTpi']) {
      const sent = token(refreshToken);
      expect((await ask({ ...sent, headers: { ...sent.headers, authorization } })).status).toBe(200);
    }
  });

  test('that tries it dry is answered in the same shape, and nothing is written', async () => {
    const { refreshToken } = await service.open();
    const before = await database.dump();
    for (const tried of [refreshToken, 'abc123.def456']) {
      const answer = await ask({ ...token(tried), path: `${PATH}?dryRun=true` });
      expect([answer.status, answer.body, answer.headers['dry-run']]).toEqual([200, REFRESHED, 'true']);
      expect(await refresh((answer.body as unknown as OpenedSession).refreshToken)).toEqual(MALFORMED);
    }
    expect(await refresh('expired.def456', '?dryRun=true')).toEqual(EXPIRED);
    expect(await database.dump()).toBe(before);
  });

  describe('is answered what the login backend gave', () => {
    const extras = { mfaMethods: ['totp', 'email'], defaultMfaMethod: 'totp', trustToken: 'trusted-device' };

    test('with every refresh', async () => {
      const { refreshToken } = await service.open({ extras: { 'nest-auth': extras } });
      const [status, first] = await refresh(refreshToken);
      expect([status, first]).toEqual([200, { ...REFRESHED, ...extras }]);
      await database.advance(10_001);
      expect(await refresh(first.refreshToken)).toEqual([200, { ...REFRESHED, ...extras }]);
      expect(await refresh(first.refreshToken, '?dryRun=true')).toEqual([200, { ...REFRESHED, ...extras }]);
    });

    test.each<[what: string, given: unknown, told: string]>([
      ['an unknown method', { mfaMethods: ['fax'] }, 'each value in mfaMethods must be one of'],
      ['a method twice', { mfaMethods: ['sms', 'sms'] }, 'unique'],
      ['a method that is no list', { mfaMethods: 'totp' }, 'mfaMethods must be an array'],
      ['null for a list', { mfaMethods: null }, 'mfaMethods must be an array'],
      ['an unknown default', { defaultMfaMethod: 'fax' }, 'defaultMfaMethod must be one of'],
      ['a trust token that no header can carry', { trustToken: 'a\r\nb' }, 'trustToken must be'],
      ['a trust token of half a surrogate pair', { trustToken: '\ud83d' }, 'trustToken must be'],
      ['a trust token that is too long', { trustToken: 'a'.repeat(513) }, 'trustToken must be'],
      ['an empty trust token', { trustToken: '' }, 'trustToken must be'],
      ['a token of its own', { accessToken: 'mine' }, 'accessToken'],
      ['whether a factor is due', { isRequiresMfa: true }, 'isRequiresMfa'],
      ['a list', [], 'must be an object'],
    ])('but not %s', async (_what, given, told) => {
      const response = await service.api('POST', '/sessions', {
        subject: 'ada',
        extras: { 'nest-auth': given },
      });
      const { code, details } = (await response.json()) as { code: string; details: { extras: string[] } };
      expect([response.status, code]).toEqual([400, 'BAD_REQUEST']);
      expect(details.extras.join()).toContain(told);
    });
  });
});
