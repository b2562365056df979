import type { Refusal, RefusalReason } from '../../core/refusal.js';
import type { Turn } from '../../core/rotation.js';
import type { Session } from '../../core/session.js';
import { DISOWNED } from './event-words.js';

const TURNS: Readonly<Record<Turn['kind'], string>> = {
  rotate: 'It would be exchanged for a new one.',
  recover: 'It was exchanged before, and no later one has been used: it would be exchanged once more.',
  'fast-forward':
    'It is newer than what the database knows, which has lost commits: the session would catch up with it.',
  retry: 'It was exchanged already, and may come again: what it was exchanged for would be given once more.',
  coalesce:
    'Its session was refreshed a moment ago: it would be given back as it is, with a new access token.',
  touch: 'It would stay as it is, and a new access token would be given.',
};

const REFUSALS: Readonly<Partial<Record<RefusalReason, string>>> = {
  malformed_token: 'It is no refresh token of this service.',
  unknown_session:
    'It is genuine, but its session is not there: it was deleted after its deadline, or forgotten.',
  wrong_client: 'Its session is another client’s, or none’s.',
  wrong_proof: 'Its session is bound to a key, whose proof must come with it.',
};

const MALFORMED: Readonly<Record<string, string>> = {
  unknown_kid:
    'It is made like one of this service, under a key that is not in REFRESH_TOKEN_KEYS (any more).',
  bad_mac: 'It is made like one of this service, but was changed, or made under other REFRESH_TOKEN_KEYS.',
  legacy_unknown: 'It is of the kind that the system before gave out, but none that was imported.',
};

/** What would become of a token, in a sentence. */
export function turnInWords(kind: Turn['kind']): string {
  return TURNS[kind];
}

/** Why a token would be refused, in a sentence or two. */
export function refusalInWords({ reason, detail }: Refusal, session: Session | undefined): string {
  switch (reason) {
    case 'reused':
      return `It ${DISOWNED[detail ?? ''] ?? 'is good no more'}: it would be refused, and its session ended.`;
    case 'expired':
      return detail === 'idle_deadline'
        ? 'Its session has expired: it was not refreshed for as long as it may be idle.'
        : 'Its session has expired: it had lived for as long as it may.';
    case 'revoked':
      return `Its session was ended${session?.revokedAt ? ` at ${session.revokedAt.toISOString()}` : ''} (${session?.revokedBy ?? 'unknown'}); its history says more.`;
    case 'malformed_token':
      return MALFORMED[detail ?? ''] ?? REFUSALS.malformed_token!;
    default:
      return REFUSALS[reason] ?? 'It would be refused.';
  }
}
