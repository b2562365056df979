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

const ROWS_A_STATEMENT = 10_000;

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

/** Replaces all sessions by `count` fresh ones; `bound` makes them CLIENT's alone. */
export async function fillSessions(query: Query, count: number, { bound = false } = {}): Promise<void> {
  await query('TRUNCATE sessions');
  await query(
    `INSERT INTO clients (id, auth_method, secret_hash, refresh_mode, dpop_required, created_at)
     VALUES ($1, 'client_secret_basic', $2, 'rotate', false, now()) ON CONFLICT DO NOTHING`,
    [CLIENT.id, createHash('sha256').update(CLIENT.secret).digest()],
  );
  for (let from = 0; from < count; from += ROWS_A_STATEMENT) {
    const ids = Array.from({ length: Math.min(ROWS_A_STATEMENT, count - from) }, (_, at) => idOf(from + at));
    await query(
      `INSERT INTO sessions (id, subject, client_id, scope, audience, claims, device, amr, auth_time, created_at,
         expires_at, idle_expires_at, idle_ttl, access_token_ttl, client_bound)
       SELECT id, 'user-' || id, $2::text, 'openid profile', '{}', '{"role":"member"}', 'Firefox on Linux', '{pwd}', now(), now(),
         to_timestamp($3::float8), now() + interval '14 days', 1209600, 900, $4::boolean
       FROM unnest($1::uuid[]) AS new(id)`,
      [ids, CLIENT.id, DEADLINE, bound],
    );
  }
  await query('VACUUM (ANALYZE) sessions');
  await query('CHECKPOINT');
}
