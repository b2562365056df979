// @node-oauth/oauth2-server on node:http. Its model, which every user writes, is the least that is safe: refresh tokens hashed,
// one row each, access tokens as JWTs that are not stored, the client in memory.
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import OAuth2Server from '@node-oauth/oauth2-server';
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
  DROP TABLE IF EXISTS refresh_tokens;
  CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY, user_id text NOT NULL, client_id text NOT NULL, scope text NOT NULL,
    expires_at timestamptz NOT NULL)`);

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const HEADER = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' });

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function hashOf(token) {
  return createHash('sha256').update(token).digest();
}

const oauth = new OAuth2Server({
  model: {
    getClient: (id, secret) =>
      id === client.id && secret === client.secret && { id, grants: ['refresh_token'] },

    generateAccessToken: ({ id }, user, scope) => {
      const iat = Math.floor(Date.now() / 1_000);
      const body = `${HEADER}.${encode({
        iss: ISSUER,
        sub: user.id,
        aud: AUDIENCE,
        client_id: id,
        scope: scope.join(' '),
        jti: randomUUID(),
        iat,
        exp: iat + ACCESS_TOKEN_TTL,
      })}`;
      const signature = sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${body}.${signature.toString('base64url')}`;
    },

    generateRefreshToken: () => randomBytes(32).toString('base64url'),

    getRefreshToken: async (token) => {
      const { rows } = await pool.query({
        name: 'get',
        text: 'SELECT user_id, client_id, scope, expires_at FROM refresh_tokens WHERE hash = $1',
        values: [hashOf(token)],
      });
      const [row] = rows;
      return (
        row && {
          refreshToken: token,
          refreshTokenExpiresAt: row.expires_at,
          scope: row.scope.split(' '),
          client: { id: row.client_id },
          user: { id: row.user_id },
        }
      );
    },

    revokeToken: async ({ refreshToken }) => {
      const { rowCount } = await pool.query({
        name: 'revoke',
        text: 'DELETE FROM refresh_tokens WHERE hash = $1',
        values: [hashOf(refreshToken)],
      });
      return rowCount === 1;
    },

    saveToken: async (token, { id }, user) => {
      await pool.query({
        name: 'save',
        text: 'INSERT INTO refresh_tokens (hash, user_id, client_id, scope, expires_at) VALUES ($1, $2, $3, $4, $5)',
        values: [hashOf(token.refreshToken), user.id, id, token.scope.join(' '), token.refreshTokenExpiresAt],
      });
      return { ...token, client: { id }, user };
    },

    validateScope: (_user, _client, scope) => scope,
  },
  accessTokenLifetime: ACCESS_TOKEN_TTL,
  refreshTokenLifetime: REFRESH_TOKEN_TTL,
});

await seed(
  `INSERT INTO refresh_tokens (hash, user_id, client_id, scope, expires_at)
   SELECT decode(hash, 'hex'), "user", '${client.id}', '${SCOPE}', now() + interval '${REFRESH_TOKEN_TTL} seconds'
   FROM jsonb_to_recordset($1) AS row(hash text, "user" text)`,
  tokens.map((token, index) => ({ hash: hashOf(token).toString('hex'), user: `user-${index}` })),
);
await pool.query('VACUUM (ANALYZE) refresh_tokens');

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
}

listen(
  createServer(async (request, response) => {
    const answer = new OAuth2Server.Response({ headers: {} });
    try {
      const { method, headers } = request;
      const body = await read(request);
      await oauth.token(new OAuth2Server.Request({ method, headers, query: {}, body }), answer);
    } catch {
      // The answer says why.
    }
    response.writeHead(answer.status, { ...answer.headers, 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
  }),
);
