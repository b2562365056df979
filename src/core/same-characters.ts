import { timingSafeEqual } from 'node:crypto';

/** Whether two texts are the same, in a time that does not depend on where they differ. `expected` is plain ASCII. */
export function sameCharacters(expected: string, given: string): boolean {
  const a = Buffer.from(expected, 'latin1');
  const b = Buffer.from(given, 'utf8');
  // A character beyond ASCII makes `b` longer; timingSafeEqual would throw.
  return a.length === b.length && timingSafeEqual(a, b);
}
