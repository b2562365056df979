// oidc-provider with the sign-in form that it brings along, and an adapter in the manner of those in its documentation: a row for
// each thing that it keeps, under its id, with the payload as JSON.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import pg from 'pg';
import { listen } from './listen.mjs';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
await pool.query(
  'CREATE TABLE oidc (model text, id text, payload jsonb, consumed_at timestamptz, expires_at timestamptz, PRIMARY KEY (model, id))',
);

class PostgresAdapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    await pool.query(
      `INSERT INTO oidc VALUES ($1, $2, $3, NULL, now() + $4::int * interval '1 second')
       ON CONFLICT (model, id) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at`,
      [this.model, id, payload, expiresIn],
    );
  }

  async find(id) {
    const { rows } = await pool.query(
      'SELECT payload, consumed_at FROM oidc WHERE model = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())',
      [this.model, id],
    );
    return rows[0] && { ...rows[0].payload, ...(rows[0].consumed_at && { consumed: true }) };
  }

  async findByUid(uid) {
    const { rows } = await pool.query(
      `SELECT payload FROM oidc WHERE model = $1 AND payload ->> 'uid' = $2`,
      [this.model, uid],
    );
    return rows[0]?.payload;
  }

  async consume(id) {
    await pool.query('UPDATE oidc SET consumed_at = now() WHERE model = $1 AND id = $2', [this.model, id]);
  }

  async destroy(id) {
    await pool.query('DELETE FROM oidc WHERE model = $1 AND id = $2', [this.model, id]);
  }

  async revokeByGrantId(grantId) {
    await pool.query(`DELETE FROM oidc WHERE payload ->> 'grantId' = $1`, [grantId]);
  }
}

const provider = new Provider(`http://127.0.0.1:${process.env['PORT']}`, {
  adapter: PostgresAdapter,
  clients: [
    {
      client_id: 'an-app',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/callback'],
      application_type: 'native',
    },
  ],
  cookies: { keys: [process.env['SECRET']] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  scopes: ['openid', 'offline_access'],
});
listen(createServer(provider.callback()));
