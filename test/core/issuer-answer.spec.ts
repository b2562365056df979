import { readIssuerAnswer } from '../../src/core/issuer-answer.ts';

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`;
const MAPPING = {
  subject: 'sub',
  claims: new Map([
    ['tenant', 'org_id'],
    ['roles', 'https://example.com/roles'],
  ]),
};

describe('the answer of an issuer', () => {
  test('names the subject in its ID token, or else in its access token', () => {
    const both = { id_token: jwt({ sub: 'ada' }), access_token: jwt({ sub: 'client', org_id: 'acme' }) };
    expect(readIssuerAnswer(both, MAPPING)).toMatchObject({ subject: 'ada', claims: { tenant: 'acme' } });
    expect(
      readIssuerAnswer({ access_token: jwt({ uid: 'ada' }) }, { ...MAPPING, subject: 'uid' }),
    ).toMatchObject({
      subject: 'ada',
    });
  });

  test.each<[string, unknown]>([
    ['no object', []],
    ['null', null],
    ['opaque tokens', { access_token: 'opaque', id_token: 'a.b.c' }],
    ['no subject', { id_token: jwt({ org_id: 'acme' }) }],
    ['a subject that is no text', { id_token: jwt({ sub: 7 }) }],
    ['a subject of two lines', { id_token: jwt({ sub: 'a\nb' }) }],
    ['a subject that is longer than a column', { id_token: jwt({ sub: 'x'.repeat(256) }) }],
    ['claims that are a list', { id_token: jwt(['sub']) }],
  ])('with %s is none', (_what, answer) => {
    expect(readIssuerAnswer(answer, MAPPING)).toBeUndefined();
  });

  test('gives the claims that are mapped, if they can be claims here, and no others', () => {
    const claims = (given: object): unknown =>
      readIssuerAnswer({ id_token: jwt({ sub: 'ada', ...given }) }, MAPPING)?.claims;
    expect(claims({ org_id: 7, 'https://example.com/roles': ['a', 'b'], email: 'x' })).toEqual({
      tenant: 7,
      roles: ['a', 'b'],
    });
    expect(claims({ org_id: { a: 1 }, 'https://example.com/roles': [['a']] })).toEqual({});
    expect(claims({ org_id: 'a\u0000b' })).toEqual({});
    expect(claims({ __proto__: 'x', constructor: 'y' })).toEqual({});
    const long = Array.from({ length: 100 }, () => 'x'.repeat(200));
    expect(claims({ org_id: 'acme', 'https://example.com/roles': long })).toEqual({ tenant: 'acme' });
  });

  test('gives scope and time of the sign-in, where they are such', () => {
    const read = (more: object, claims = {}): unknown =>
      readIssuerAnswer({ id_token: jwt({ sub: 'ada', ...claims }), ...more }, MAPPING);
    expect(read({ scope: 'a b' }, { auth_time: 1_790_000_000 })).toMatchObject({
      scope: 'a b',
      authTime: '2026-09-21T14:13:20.000Z',
    });
    expect(read({ scope: ['a'] }, { auth_time: 'yesterday' })).toMatchObject({ scope: null, authTime: null });
    expect(read({ scope: 'a  b' }, { auth_time: 1e18 })).toMatchObject({ scope: null, authTime: null });
  });
});
