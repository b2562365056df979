// oidc-provider with its own refresh token grant, and an adapter for PostgreSQL in the manner of those in its documentation: a
// row for each token and each grant, with the payload as JSON.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import {
  ACCESS_TOKEN_TTL,
  AUDIENCE,
  ISSUER,
  REFRESH_TOKEN_TTL,
  SCOPE,
  client,
  listen,
  pool,
  seed,
  tokens,
} from './peer.js';

await pool.query(`
  DROP TABLE IF EXISTS oidc;
  CREATE TABLE oidc (
    model text, id text, payload jsonb NOT NULL, grant_id text, consumed_at timestamptz, expires_at timestamptz,
    PRIMARY KEY (model, id));
  CREATE INDEX ON oidc (grant_id)`);

class PostgresAdapter {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    await pool.query({
      name: 'upsert',
      text: `INSERT INTO oidc (model, id, payload, grant_id, expires_at)
             VALUES ($1, $2, $3, $4, now() + $5::int * interval '1 second')
             ON CONFLICT (model, id) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at`,
      values: [this.model, id, payload, payload.grantId, expiresIn],
    });
  }

  async find(id) {
    const { rows } = await pool.query({
      name: 'find',
      text: `SELECT payload, consumed_at FROM oidc WHERE model = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())`,
      values: [this.model, id],
    });
    const [row] = rows;
    return row && { ...row.payload, ...(row.consumed_at && { consumed: true }) };
  }

  async consume(id) {
    await pool.query({
      name: 'consume',
      text: 'UPDATE oidc SET consumed_at = now() WHERE model = $1 AND id = $2',
      values: [this.model, id],
    });
  }

  async destroy(id) {
    await pool.query('DELETE FROM oidc WHERE model = $1 AND id = $2', [this.model, id]);
  }

  async revokeByGrantId(grantId) {
    await pool.query('DELETE FROM oidc WHERE grant_id = $1', [grantId]);
  }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const provider = new Provider(ISSUER, {
  adapter: PostgresAdapter,
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/callback'],
    },
  ],
  cookies: { keys: ['a-cookie-key-that-no-refresh-ever-needs'] },
  features: {
    devInteractions: { enabled: false },
    // Only so does it issue access tokens that are JWTs.
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience: AUDIENCE,
        accessTokenFormat: 'jwt',
        accessTokenTTL: ACCESS_TOKEN_TTL,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] },
  rotateRefreshToken: true,
  routes: { token: '/oauth/token' },
  scopes: ['offline_access', 'profile'],
  ttl: { AccessToken: ACCESS_TOKEN_TTL, RefreshToken: REFRESH_TOKEN_TTL, Grant: REFRESH_TOKEN_TTL },
});
provider.proxy = true;

const now = Math.floor(Date.now() / 1_000);
const exp = now + REFRESH_TOKEN_TTL;
await seed(
  `INSERT INTO oidc (model, id, payload, grant_id, expires_at)
   SELECT model, id, payload, "grantId", to_timestamp(${exp})
   FROM jsonb_to_recordset($1) AS row(model text, id text, payload jsonb, "grantId" text)`,
  tokens.flatMap((jti, index) => {
    const [accountId, grantId] = [`user-${index}`, `grant-${index}`];
    return [
      {
        model: 'Grant',
        id: grantId,
        payload: {
          iat: now,
          exp,
          accountId,
          clientId: client.id,
          kind: 'Grant',
          jti: grantId,
          resources: { [AUDIENCE]: SCOPE },
          openid: { scope: SCOPE },
        },
      },
      {
        model: 'RefreshToken',
        id: jti,
        grantId,
        payload: {
          iat: now,
          exp,
          iiat: now,
          rotations: 0,
          accountId,
          authTime: now,
          clientId: client.id,
          grantId,
          gty: 'authorization_code',
          jti,
          kind: 'RefreshToken',
          resource: AUDIENCE,
          scope: SCOPE,
        },
      },
    ];
  }),
);
await pool.query('VACUUM (ANALYZE) oidc');

const callback = provider.callback();
listen(
  createServer((request, response) => {
    // It stands behind a proxy that ends TLS.
    request.headers['x-forwarded-proto'] = 'https';
    callback(request, response);
  }),
);
