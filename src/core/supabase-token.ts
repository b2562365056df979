import { createHmac, hash } from 'node:crypto';

/** What Supabase keeps of a session's refresh token from the version with counters on. */
export interface SupabaseSession {
  /** The id of the session there, a UUID. */
  readonly session: string;
  /** The session's `refresh_token_hmac_key`: base64, of any alphabet. */
  readonly key: string;
  /** The session's `refresh_token_counter`. */
  readonly counter: number;
}

const SIGNATURE_BYTES = 16;
const CHECKSUM_BYTES = 4;

/**
 * The refresh token that is good for the session now (supabase/auth, internal/crypto/refresh_tokens.go): version 0, the
 * session's id, the counter, a MAC and a checksum. It can be reckoned, so the service need not be told how.
 */
export function supabaseToken({ session, key, counter }: SupabaseSession): string {
  const signed = Buffer.concat([
    Buffer.of(0),
    Buffer.from(session.replaceAll('-', ''), 'hex'),
    uvarint(counter),
  ]);
  const mac = createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest();
  const body = Buffer.concat([signed, mac.subarray(0, SIGNATURE_BYTES)]);
  const checksum = hash('sha256', body, 'buffer').subarray(0, CHECKSUM_BYTES);
  return Buffer.concat([body, checksum]).toString('base64url');
}

/** As Go's encoding/binary has it: seven bits a byte, the lowest first. */
function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
