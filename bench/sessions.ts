import { createHash, createSecretKey } from 'node:crypto';
import { mintRefreshToken, sessionIdOf, type RefreshTokenKey } from '../src/core/refresh-token.ts';

/** The secrets of every server in a run, so that one set of sessions serves them all. */
export const REFRESH_TOKEN_KEY: RefreshTokenKey = {
  kid: 1,
  secret: createSecretKey('bench-refresh-token-key-of-at-least-32-characters', 'utf8'),
};
export const SERVICE_KEY = 'bench-service-key-of-at-least-32-characters';

/** The absolute deadline of the sessions, in seconds since the epoch: far enough for any run. */
export const DEADLINE = 4_000_000_000;

/** The client whose the sessions of a table of bound ones are. */
export const CLIENT = { id: 'bench', secret: 'bench-client-secret-of-at-least-32-characters' };

/** What it sends to say who it is (RFC 7617). */
export const CLIENT_CREDENTIALS = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');

const ROWS_A_STATEMENT = 1_000_000;

/** The refresh token of a generation of the session at `index`. */
export function tokenOf(index: number, generation = 0): string {
  return mintRefreshToken({ handle: handleOf(index), generation, deadline: DEADLINE }, REFRESH_TOKEN_KEY);
}

/** The id of the session at `index`. */
export function idOf(index: number): string {
  return sessionIdOf(handleOf(index));
}

function handleOf(index: number): Buffer {
  return createHash('sha256').update(`bench ${index}`).digest().subarray(0, 16);
}

/** Runs a statement on the database that is to be filled. */
export type Query = (sql: string, values?: unknown[]) => Promise<unknown>;

/** The id of the session at `n`, as idOf has it. */
const ID = `encode(set_byte(set_byte(digest, 6, get_byte(digest, 6) & 15 | 128), 8, get_byte(digest, 8) & 63 | 128), 'hex')::uuid`;
const SESSIONS = `
  INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, auth_time, created_at,
    expires_at, idle_expires_at, idle_ttl, access_token_ttl, client_bound)
  SELECT ${ID}, 'user-' || n, $1::text, 'openid profile', '{}', '{"role":"member"}', 'Firefox on Linux', '{pwd}', now(), now(),
    to_timestamp($2::float8), CASE WHEN n >= $6::int THEN now() - interval '2 days' ELSE now() + interval '14 days' END,
    1209600, 900, $3::boolean
  FROM generate_series($4::int, $5::int) AS n,
    LATERAL (SELECT substr(sha256(convert_to('bench ' || n, 'UTF8')), 1, 16)) AS a(handle),
    LATERAL (SELECT substr(sha256('ratchet/session-id'::bytea || handle), 1, 16)) AS b(digest)`;

/** How the sessions of a table are. */
export interface Filling {
  /** Makes them CLIENT's alone. */
  readonly bound?: boolean;
  /** How many more there are, which ended two days ago. */
  readonly expired?: number;
}

/** Replaces all sessions by `count` fresh ones. */
export async function fillSessions(
  query: Query,
  count: number,
  { bound = false, expired = 0 }: Filling = {},
): Promise<void> {
  await query('TRUNCATE sessions');
  await query(
    `INSERT INTO clients (id, auth_method, secret_hash, refresh_mode, dpop_required, created_at)
     VALUES ($1, 'client_secret_basic', $2, 'rotate', false, now()) ON CONFLICT DO NOTHING`,
    [CLIENT.id, createHash('sha256').update(CLIENT.secret).digest()],
  );
  for (let from = 0; from < count + expired; from += ROWS_A_STATEMENT) {
    const to = Math.min(from + ROWS_A_STATEMENT, count + expired) - 1;
    await query(SESSIONS, [CLIENT.id, DEADLINE, bound, from, to, count]);
  }
  await query('VACUUM (ANALYZE) sessions');
  await query('CHECKPOINT');
}
