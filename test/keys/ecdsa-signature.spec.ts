import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { sideBySide } from '../../src/keys/ecdsa-signature.ts';

/** The least that DER takes for a positive integer: no zeros in front, but one where the first bit is set. */
function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const digits = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
  const bytes = digits[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
  return Buffer.concat([Buffer.of(0x02, bytes.length), bytes]);
}

function inDer(r: bigint, s: bigint): Buffer {
  const content = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}

describe.each([
  ['ES256', 'P-256', 32, 1_000],
  ['ES384', 'P-384', 48, 100],
] as const)('an ECDSA signature for %s', (_algorithm, namedCurve, bytes, signatures) => {
  const largest = 256n ** BigInt(bytes) - 1n;

  test('keeps its numbers, however short they are', () => {
    // A number of each length as often as the next: among random ones, short ones are rare.
    const numbers = fc
      .tuple(fc.integer({ min: 0, max: 8 * bytes - 1 }), fc.bigInt({ min: 0n, max: largest }))
      .map(([shorter, number]) => number >> BigInt(shorter));
    fc.assert(
      fc.property(numbers, numbers, (r, s) => {
        const raw = sideBySide(inDer(r, s), bytes);
        expect(raw.toString('hex')).toBe([r, s].map((n) => n.toString(16).padStart(2 * bytes, '0')).join(''));
      }),
      {
        numRuns: 2_000,
        examples: [
          [0n, 0n],
          [1n, 0x7fn],
          [0x80n, 0xffn],
          [largest, largest],
          [largest, 1n],
          [1n, largest],
          [largest >> 1n, largest >> 8n],
        ],
      },
    );
  });

  test('is still one to whoever verifies it', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    const lengths = new Set<number>();
    for (let at = 0; at < signatures; at++) {
      const text = Buffer.from(`message ${at}`);
      const der = sign(`sha${8 * bytes}`, text, privateKey);
      lengths.add(der.length);
      const raw = sideBySide(der, bytes);
      expect(raw).toHaveLength(2 * bytes);
      expect(verify(`sha${8 * bytes}`, text, key, raw)).toBe(true);
    }
    // Both numbers with a zero added, one, and neither.
    expect(lengths.size).toBeGreaterThanOrEqual(3);
  });
});
