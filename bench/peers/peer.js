import { readFileSync } from 'node:fs';
import pg from 'pg';

/** What every peer is given, so that one load serves them all: the refresh tokens of so many fresh sessions, and the client. */
export const { tokens, client } =
  /** @type {{ tokens: string[], client: { id: string, secret: string } }} */ (
    JSON.parse(readFileSync(process.env['SEED'], 'utf8'))
  );

export const ISSUER = 'https://auth.example.com';
/** Whom the access tokens are for. */
export const AUDIENCE = 'https://api.example.com';
export const SCOPE = 'offline_access profile';

/** Seconds, as the service has them. */
export const ACCESS_TOKEN_TTL = 900;
export const REFRESH_TOKEN_TTL = 14 * 86_400;

/** As many connections as the service opens. */
export const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });

/** Inserts a row for each session, in one statement over arrays of columns. */
export async function seed(sql, rows) {
  await pool.query(sql, [JSON.stringify(rows)]);
}

/** Starts to listen, and says where, as the benchmark expects it. */
export function listen(server) {
  server.listen(0, '127.0.0.1', () => console.log(`listening at http://127.0.0.1:${server.address().port}`));
  process.once('SIGTERM', () => process.exit(0));
}
