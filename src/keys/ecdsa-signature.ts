/**
 * An ECDSA signature as a JWS carries it (RFC 7518 section 3.4): r and s side by side, `bytes` each. `der` is one that
 * node:crypto made (RFC 3279 section 2.2.3), on a curve of at most 384 bits: each of its lengths is then one byte.
 */
export function sideBySide(der: Buffer, bytes: number): Buffer {
  const raw = Buffer.alloc(2 * bytes);
  // 30 length, 02 length r, 02 length s
  const rAt = 4;
  const rEnd = rAt + der[rAt - 1]!;
  const sAt = rEnd + 2;
  copyInteger(der.subarray(rAt, rEnd), raw.subarray(0, bytes));
  copyInteger(der.subarray(sAt, sAt + der[sAt - 1]!), raw.subarray(bytes));
  return raw;
}

/** To the right, since DER leaves zeros out in front; and adds one where the number would else be negative. */
function copyInteger(integer: Buffer, to: Buffer): void {
  const digits = integer.subarray(Math.max(0, integer.length - to.length));
  digits.copy(to, to.length - digits.length);
}
