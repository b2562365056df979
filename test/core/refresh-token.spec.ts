import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import {
  mintRefreshToken,
  newHandle,
  readRefreshToken,
  sessionIdOf,
  type RefreshToken,
  type RefreshTokenKey,
} from '../../src/core/refresh-token.ts';

const key: RefreshTokenKey = {
  kid: 1,
  secret: createSecretKey('the-key-that-mints-of-32-characters!', 'utf8'),
};
const olderKey: RefreshTokenKey = {
  kid: 7,
  secret: createSecretKey('an-older-key-of-at-least-32-characters', 'utf8'),
};
const token: RefreshToken = {
  handle: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
  generation: 3,
  deadline: 1_900_000_000,
};
const text = mintRefreshToken(token, key);

const LARGEST_GENERATION = 0x7fff_fffe;
const generations = fc.integer({ min: 0, max: LARGEST_GENERATION });
const deadlines = fc.integer({ min: 0, max: 0xffff_ffff });
const handles = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes));
const tokens = fc.record({ handle: handles, generation: generations, deadline: deadlines });
const keys = fc.record({
  kid: fc.integer({ min: 0, max: 255 }),
  secret: fc.uint8Array({ minLength: 32, maxLength: 64 }).map((bytes) => createSecretKey(bytes)),
});

describe('a refresh token that the service minted', () => {
  test('says what it was minted with, whatever that was', () => {
    fc.assert(
      fc.property(tokens, keys, (minted, under) => {
        expect(readRefreshToken(mintRefreshToken(minted, under), [under])).toEqual(minted);
      }),
    );
  });

  test('is 82 characters that need no escaping in a cookie, a URL or JSON', () => {
    fc.assert(
      fc.property(tokens, keys, (minted, under) => {
        expect(mintRefreshToken(minted, under)).toMatch(/^rt1_[A-Za-z0-9_-]{34}\.[A-Za-z0-9_-]{43}$/);
      }),
    );
    expect(text).toHaveLength(82);
  });

  test('of an earlier release is still read: neither its layout nor its MAC has changed', () => {
    expect(text).toBe('rt1_AQABAgMEBQYHCAkKCwwNDg8AAAADcT-zAA.wunxkEBhMQ1Bv50CMqz3kh_61NIZsq-RZ9lYoOz7NOA');
  });

  test('is the same token again when the same request is retried', () => {
    const successor = { ...token, generation: token.generation + 1 };
    const copy = { ...successor, handle: Buffer.from(token.handle) };
    expect(mintRefreshToken(copy, key)).toBe(mintRefreshToken(successor, key));
    expect(mintRefreshToken(successor, key)).not.toBe(text);
  });

  test('is told apart from the token of every other session, generation and deadline', () => {
    fc.assert(
      fc.property(tokens, tokens, (one, other) => {
        const same =
          one.handle.equals(other.handle) &&
          one.generation === other.generation &&
          one.deadline === other.deadline;
        expect(mintRefreshToken(one, key) === mintRefreshToken(other, key)).toBe(same);
      }),
    );
  });

  test.each([0, 1, LARGEST_GENERATION])('may name generation %d', (generation) => {
    expect(readRefreshToken(mintRefreshToken({ ...token, generation }, key), [key])).toMatchObject({
      generation,
    });
  });

  test.each([LARGEST_GENERATION + 1, 0x8000_0000, 0xffff_ffff])(
    'is refused if its generation %d has no successor that the database could hold',
    (generation) => {
      expect(readRefreshToken(mintRefreshToken({ ...token, generation }, key), [key])).toEqual(
        expect.any(String),
      );
    },
  );

  test.each([0, 0xffff_ffff])('may end at second %d of the epoch', (deadline) => {
    expect(readRefreshToken(mintRefreshToken({ ...token, deadline }, key), [key])).toMatchObject({
      deadline,
    });
  });

  test('cannot be minted with what does not fit into it', () => {
    expect(() => mintRefreshToken({ ...token, deadline: 2 ** 32 }, key)).toThrow('out of range');
    expect(() => mintRefreshToken({ ...token, generation: -1 }, key)).toThrow('out of range');
    expect(() => mintRefreshToken(token, { ...key, kid: 256 })).toThrow('out of range');
  });
});

describe('when the operator rotates the keys', () => {
  test('tokens of every configured key are still read', () => {
    const older = mintRefreshToken(token, olderKey);
    expect(readRefreshToken(older, [key, olderKey])).toEqual(token);
    expect(readRefreshToken(text, [key, olderKey])).toEqual(token);
  });

  test('the key that minted is named in the token, so that the order of the keys does not matter', () => {
    expect(Buffer.from(text.slice(4, 38), 'base64url')[0]).toBe(key.kid);
    expect(readRefreshToken(text, [olderKey, key])).toEqual(token);
  });

  test('a token of a key that was taken out is refused', () => {
    expect(readRefreshToken(mintRefreshToken(token, olderKey), [key])).toEqual(expect.any(String));
    expect(readRefreshToken(text, [])).toEqual(expect.any(String));
  });
});

describe('a thief', () => {
  test('who signs with a key of their own under the same kid is refused', () => {
    const forged = mintRefreshToken(token, {
      kid: key.kid,
      secret: createSecretKey('forged'.repeat(6), 'utf8'),
    });
    expect(readRefreshToken(forged, [key, olderKey])).toEqual(expect.any(String));
  });

  test('who renames the kid to that of another key is refused, even if both keys have one secret', () => {
    const twin = { kid: 2, secret: key.secret };
    const payload = Buffer.from(text.slice(4, 38), 'base64url');
    payload[0] = twin.kid;
    const renamed = `rt1_${payload.toString('base64url')}${text.slice(38)}`;
    expect(readRefreshToken(renamed, [key, twin])).toEqual(expect.any(String));
  });

  test('who brings a token of another deployment is refused', () => {
    fc.assert(
      fc.property(tokens, keys, (minted, theirs) => {
        fc.pre(!theirs.secret.equals(key.secret));
        const ours = { ...key, kid: theirs.kid };
        expect(readRefreshToken(mintRefreshToken(minted, theirs), [ours])).toBe('bad_mac');
      }),
    );
  });

  test('who joins the payload of one genuine token to the MAC of another is refused', () => {
    const next = mintRefreshToken({ ...token, generation: token.generation + 1 }, key);
    expect(readRefreshToken(next.slice(0, 38) + text.slice(38), [key])).toEqual(expect.any(String));
  });

  // The last characters of both halves have bits that stand for nothing, so a change there is the subtle one.
  const REPLACEMENTS = Array.from('Aabz09_-.+/= %,;"\\\t\n\r\0\x7féÿıＡ\ud800\u200b😀');

  test('who changes any one character of a token is refused', () => {
    const accepted: string[] = [];
    for (let at = 0; at < text.length; at++) {
      for (const replacement of REPLACEMENTS) {
        const changed = text.slice(0, at) + replacement + text.slice(at + 1);
        if (changed !== text && typeof readRefreshToken(changed, [key]) !== 'string') accepted.push(changed);
      }
    }
    expect(accepted).toEqual([]);
  });

  test('who spells the same bytes differently is refused: a token has one spelling', () => {
    const spellings = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
    for (const last of [37, text.length - 1]) {
      const read = spellings.filter(
        (character) =>
          typeof readRefreshToken(text.slice(0, last) + character + text.slice(last + 1), [key]) !== 'string',
      );
      expect(read).toEqual([text[last]]);
    }
    expect(readRefreshToken(text.replaceAll('-', '+').replaceAll('_', '/'), [key])).toEqual(
      expect.any(String),
    );
  });

  test('who replaces two characters by one that takes as much room is refused', () => {
    for (let at = 0; at < text.length - 1; at++) {
      expect(readRefreshToken(`${text.slice(0, at)}😀${text.slice(at + 2)}`, [key])).toEqual(
        expect.any(String),
      );
    }
  });

  test('who cuts a token short or adds to it is refused', () => {
    for (let length = 0; length < text.length; length++) {
      expect(readRefreshToken(text.slice(0, length), [key])).toEqual(expect.any(String));
    }
    for (const more of [
      `${text}A`,
      `${text}=`,
      `${text}\0`,
      `${text}.`,
      ` ${text}`,
      `${text}\n`,
      text + text,
    ]) {
      expect(readRefreshToken(more, [key])).toEqual(expect.any(String));
    }
  });

  test('who sends nothing, or a megabyte, or anything else at all, is refused', () => {
    expect(readRefreshToken('', [key])).toEqual(expect.any(String));
    expect(readRefreshToken('rt1_'.padEnd(1_000_000, 'A'), [key])).toEqual(expect.any(String));
    const likeATokens = fc
      .tuple(fc.string({ unit: 'binary', maxLength: 100 }), fc.string({ unit: 'binary', maxLength: 100 }))
      .map(([payload, mac]) => `rt1_${payload}.${mac}`);
    const rightLength = fc
      .string({ unit: 'binary', minLength: 78 })
      .map((rest) => `rt1_${rest}`.slice(0, 82));
    const rightShape = fc
      .tuple(fc.uint8Array({ minLength: 25, maxLength: 25 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map((halves) => `rt1_${halves.map((half) => Buffer.from(half).toString('base64url')).join('.')}`);
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), likeATokens, rightLength, rightShape),
        (anything) => {
          expect(readRefreshToken(anything, [key])).toEqual(expect.any(String));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('the id of a session', () => {
  test('is a UUID of version 8', () => {
    fc.assert(
      fc.property(handles, (handle) => {
        expect(sessionIdOf(handle)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  test('never changes, since rows are found by it', () => {
    expect(sessionIdOf(token.handle)).toBe('0216f557-b78a-80af-9cc7-a1186ba43d4b');
  });

  test('is another for every handle', () => {
    fc.assert(
      fc.property(handles, handles, (one, other) => {
        expect(sessionIdOf(one) === sessionIdOf(other)).toBe(one.equals(other));
      }),
    );
  });

  test('does not give the handle away: a handle that differs in one bit has quite another id', () => {
    const neighbour = Buffer.from(token.handle);
    neighbour[15]! ^= 1;
    const [id, neighbours] = [sessionIdOf(token.handle), sessionIdOf(neighbour)];
    const differing = Array.from(id).filter((character, at) => character !== neighbours[at]);
    expect(differing.length).toBeGreaterThan(16);
    expect(id.replaceAll('-', '')).not.toContain(token.handle.toString('hex').slice(0, 8));
  });
});

test('no two sessions are given one handle, and each is 128 bits', () => {
  const made = Array.from({ length: 1_000 }, newHandle);
  expect(new Set(made.map((handle) => handle.toString('hex'))).size).toBe(1_000);
  expect(made.every((handle) => handle.length === 16)).toBe(true);
});

describe('the operator is told of a token that is refused', () => {
  const other = { kid: 9, secret: key.secret };
  test.each([
    ['is of another make', 'abc123.def456', 'foreign_prefix'],
    ['was cut short', text.slice(0, -1), 'wrong_length'],
    ['has no dot where one must be', text.replace('.', '_'), 'wrong_length'],
    ['is under a key that is not configured any more', mintRefreshToken(token, other), 'unknown_kid'],
    ['was altered', text.slice(0, -2) + (text.endsWith('AA') ? 'BB' : 'AA'), 'bad_mac'],
    [
      'has no successor that the database could hold',
      mintRefreshToken({ ...token, generation: 0x7fff_ffff }, key),
      'generation_too_high',
    ],
  ])('that it %s', (_what, presented, flaw) => {
    expect(readRefreshToken(presented, [key])).toBe(flaw);
  });
});
