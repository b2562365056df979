import { createHash, createSecretKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { jwtIdentity, type LegacyJwtAlgorithm } from '../../src/core/legacy-jwt.ts';
import {
  isKeyed,
  legacyLookup,
  placeholderId,
  readLegacyToken,
  type LegacyLane,
  type LegacyToken,
} from '../../src/core/legacy-token.ts';
import { sessionIdOf } from '../../src/core/refresh-token.ts';
import { supabaseToken } from '../../src/core/supabase-token.ts';

const NOW = new Date('2026-11-27T12:00:00Z');
const secret = (text: string): KeyObject => createSecretKey(text, 'utf8');

/** What a text is on lanes that are all open. */
function read(text: string, ...lanes: LegacyLane[]): readonly LegacyToken[] | 'expired' {
  const open = lanes.map((lane) => ({ lane, closesAt: new Date('2027-01-01T00:00:00Z') }));
  return readLegacyToken(text, open, NOW);
}

const SHA256: LegacyLane = { name: 'sha256' };
const BETTER_AUTH: LegacyLane = {
  name: 'better-auth',
  keys: [secret('another-secret'), secret('better-auth-secret-123456789012345')],
};
const HYDRA: LegacyLane = {
  name: 'hydra',
  keys: [createSecretKey(hash('sha256', 'hydra-system-secret-at-least-16', 'buffer'))],
};

// Reckoned by a program of another language from what each system's source says.
const OF_BETTER_AUTH = 'Yz3kP0sQw8rT5uVb1NcX7mLk2JhG4fDa.gRX6M4Xb1YSuwyyTDK8iB2JILOtC6jgKQRChQt0fSnQ=';
const OF_HYDRA =
  'ory_rt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.MKZle_pFZ2FS6xJnRQsRwKGpiqMJ-hUN-1RbGcenY3A';
const SUPABASE = {
  session: 'edf25d83-a787-4611-8d16-e627fc21241a',
  key: 'ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=',
  counter: 300,
};
const OF_SUPABASE = 'AO3yXYOnh0YRjRbmJ_whJBqsAnRxndfA-nc8wHeomEWp4EItuUxW';

describe('a token that is known by its digest', () => {
  test.each([
    ['sha256', createHash('sha256').update('an-opaque-refresh-token').digest()],
    ['sha256x2', Buffer.from('34e8f16f4b986e49ab399397bcf1318e547e19e07d902d5a498ac37ada76fcb1', 'hex')],
  ] as const)('is found by its %s', (name, digest) => {
    expect(read('an-opaque-refresh-token', { name })).toEqual([
      { lane: name, lookup: legacyLookup(name, digest), handle: expect.any(Buffer) as Buffer },
    ]);
  });

  test('is looked for on each lane that is open', () => {
    const found = read('an-opaque-refresh-token', SHA256, { name: 'sha256x2' }) as LegacyToken[];
    expect(found.map(({ lane }) => lane)).toEqual(['sha256', 'sha256x2']);
    expect(found[0]!.lookup).not.toEqual(found[1]!.lookup);
    expect(found[0]!.handle).toEqual(found[1]!.handle);
  });

  test('is the same token as in the cookie where it stands escaped', () => {
    expect(read('a%2Bb%2Fc%3D', SHA256)).toEqual(read('a+b/c=', SHA256));
    expect(read('100%', SHA256)).toHaveLength(1);
    expect(read('%E0%A4%A', SHA256)).toHaveLength(1);
  });
});

describe('the signed cookie of better-auth', () => {
  test('is known by the digest of the token in it, escaped or not', () => {
    const digest = hash('sha256', OF_BETTER_AUTH.split('.')[0]!, 'buffer');
    const [token] = read(OF_BETTER_AUTH, BETTER_AUTH) as LegacyToken[];
    expect(token!.lookup).toEqual(legacyLookup('better-auth', digest));
    expect(read(encodeURIComponent(OF_BETTER_AUTH), BETTER_AUTH)).toEqual([token]);
  });

  test('is nothing if one character of it differs, or without its signature', () => {
    expect(read(OF_BETTER_AUTH.split('.')[0]!, BETTER_AUTH)).toEqual([]);
    eachWrongCharacter(OF_BETTER_AUTH, (wrong) => expect(read(wrong, BETTER_AUTH)).toEqual([]));
  });
});

describe('a refresh token of Hydra', () => {
  test('is known by the signature that its own key gives, with its prefix or without', () => {
    const [token] = read(OF_HYDRA, HYDRA) as LegacyToken[];
    expect(token!.lookup).toEqual(legacyLookup('hydra', Buffer.from(OF_HYDRA.split('.')[1]!)));
    expect(read(OF_HYDRA.slice('ory_rt_'.length), HYDRA)).toEqual([token]);
  });

  test('cannot be made from the column that the database has', () => {
    const signature = OF_HYDRA.split('.')[1]!;
    expect(read(`ory_rt_${signature}.${signature}`, HYDRA)).toEqual([]);
    expect(read(`ory_rt_.${signature}`, HYDRA)).toEqual([]);
  });

  test('has one spelling', () => {
    eachWrongCharacter(OF_HYDRA.slice('ory_rt_'.length), (wrong) => expect(read(wrong, HYDRA)).toEqual([]));
  });
});

describe('a JWT', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const shared = secret('the-old-secret');
  const inAnHour = NOW.getTime() / 1000 + 3600;

  const lane = (algorithm: LegacyJwtAlgorithm, key = shared): LegacyLane => ({
    name: 'jwt',
    algorithm,
    keys: [secret('not-this-one'), key].filter(({ type }) => type === key.type),
    names: ['sid'],
    required: new Map([['typ', ['Refresh', 'Offline']]]),
  });
  const signed = (claims: object, alg = 'HS512', key = shared): Promise<string> =>
    new SignJWT({ sid: 's1', typ: 'Refresh', exp: inAnHour, ...claims })
      .setProtectedHeader({ alg })
      .sign(key);

  test.each([
    ['HS256', shared, shared],
    ['HS384', shared, shared],
    ['HS512', shared, shared],
    ['RS256', rsa.privateKey, rsa.publicKey],
    ['ES256', ec.privateKey, ec.publicKey],
  ] as const)('signed with %s is known by the claim that names its session', async (alg, signs, verifies) => {
    const text = await signed({}, alg, signs);
    const [token] = read(text, lane(alg, verifies)) as LegacyToken[];
    expect(token!.lookup).toEqual(legacyLookup('jwt', jwtIdentity([['sid', 's1']])));
    eachWrongCharacter(text, (wrong) => expect(read(wrong, lane(alg, verifies))).toEqual([]));
  });

  test('of another algorithm than the configured one is nothing, whatever its signature', async () => {
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await signed({})).split('.')[1]}.`;
    expect(read(unsigned, lane('HS512'))).toEqual([]);
    expect(read(await signed({}, 'HS256'), lane('HS512'))).toEqual([]);
    // The public key of an issuer, taken for a shared secret.
    const pem = secret(rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString());
    expect(read(await signed({}, 'HS256', pem), lane('RS256', rsa.publicKey))).toEqual([]);
  });

  test.each([
    ['of another kind', { typ: 'Bearer' }],
    ['of no kind', { typ: undefined }],
    ['of no session', { sid: undefined }],
    ['of an unnamed session', { sid: '' }],
    ['of an odd session', { sid: { a: 1 } }],
  ])('%s is nothing', async (_what, claims) => {
    expect(read(await signed(claims), lane('HS512'))).toEqual([]);
  });

  test('that has expired says so, but for a minute in which its first answer may have been lost', async () => {
    const past = (seconds: number): Promise<string> => signed({ exp: NOW.getTime() / 1000 - seconds });
    expect(read(await past(61), lane('HS512'))).toBe('expired');
    expect(read(await past(59), lane('HS512'))).toHaveLength(1);
    expect(read(await signed({ exp: undefined }), lane('HS512'))).toHaveLength(1);
    expect(read(await signed({ exp: 'tomorrow' }), lane('HS512'))).toBe('expired');
  });

  test('may be named by several claims, in any order, and a number is as good as its digits', () => {
    expect(
      jwtIdentity([
        ['sid', 's'],
        ['azp', 'web'],
      ]),
    ).toEqual(
      jwtIdentity([
        ['azp', 'web'],
        ['sid', 's'],
      ]),
    );
    expect(jwtIdentity([['sid', 7]])).toEqual(jwtIdentity([['sid', '7']]));
    expect(
      jwtIdentity([
        ['sid', 's'],
        ['azp', 'web'],
      ]),
    ).not.toEqual(
      jwtIdentity([
        ['sid', 's","web'],
        ['azp', ''],
      ]),
    );
  });
});

describe('a lane', () => {
  test('that is keyed says what a text is, and no digest of it is looked for', () => {
    const found = read(OF_HYDRA, SHA256, HYDRA) as LegacyToken[];
    expect(found.map(({ lane }) => lane)).toEqual(['hydra']);
    expect(
      ['sha256', 'sha256x2', 'better-auth', 'hydra', 'jwt'].filter((name) => isKeyed(name as 'jwt')),
    ).toEqual(['better-auth', 'hydra', 'jwt']);
  });

  test('is closed from its date on', () => {
    const open = [{ lane: SHA256, closesAt: NOW }];
    expect(readLegacyToken('token', open, new Date(NOW.getTime() - 1))).toHaveLength(1);
    expect(readLegacyToken('token', open, NOW)).toEqual([]);
  });
});

test('the token of a session in Supabase can be reckoned from what is stored of it', () => {
  expect(supabaseToken(SUPABASE)).toBe(OF_SUPABASE);
  expect(supabaseToken({ ...SUPABASE, counter: 0 })).not.toBe(OF_SUPABASE);
});

test('the session of a token is named by the token alone, and by none that merely knows its digest', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
      const [ofA, ofB] = [a, b].map((text) => (read(text, SHA256) as LegacyToken[])[0]);
      expect(ofA!.handle).toHaveLength(16);
      expect(ofA!.handle.equals(ofB!.handle)).toBe(ofA!.lookup.equals(ofB!.lookup));
      expect(placeholderId(ofA!.lookup)).not.toBe(sessionIdOf(ofA!.handle));
      expect(placeholderId(ofA!.lookup)).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }),
  );
});

/** Each spelling of a text that differs in one character, at every fifth place and the last three. */
function eachWrongCharacter(text: string, look: (wrong: string) => void): void {
  for (let at = 0; at < text.length; at++) {
    if (at % 5 !== 0 && at < text.length - 3) continue;
    for (const other of 'AQgwz-')
      if (text[at] !== other) look(text.slice(0, at) + other + text.slice(at + 1));
  }
}
