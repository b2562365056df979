import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import type { Config } from '../config/config.js';

/** Short enough for a line, and long enough that no two subjects share one: 128 bits. */
const CHARS = 22;

/** How the log is to name a subject; undefined if not at all. */
export type SubjectName = (subject: string) => string | undefined;

/**
 * Names subjects as LOG_SUBJECTS has it. A hash is keyed, by what is derived of the first of REFRESH_TOKEN_KEYS: of a mere
 * SHA-256, whoever has the log would find the address or number by trying all there are.
 */
export function subjectName({ logSubjects, refreshTokenKeys: [{ secret }] }: Config): SubjectName {
  if (logSubjects === 'plain') return (subject) => subject;
  if (logSubjects === 'off') return () => undefined;
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'ratchet/log-subject/v1', 32)));
  return (subject) => createHmac('sha256', key).update(subject).digest('base64url').slice(0, CHARS);
}
