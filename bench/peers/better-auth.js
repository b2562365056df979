// better-auth with its OAuth provider, as its documentation sets them up: its own tables on PostgreSQL, tokens hashed, the client
// and the resource in its caches, access tokens signed by its JWT plugin.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
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

await pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');

const options = {
  baseURL: ISSUER,
  secret: 'a-secret-of-better-auth-of-at-least-32-characters',
  database: pool,
  // Counted in memory unless told otherwise; here there is but one address.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'ES256' } }, disableSettingJwtHeader: true }),
    oauthProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      scopes: SCOPE.split(' '),
      accessTokenExpiresIn: ACCESS_TOKEN_TTL,
      refreshTokenExpiresIn: REFRESH_TOKEN_TTL,
      resources: [AUDIENCE],
      cachedTrustedClients: new Set([client.id]),
      cachedResources: new Set([AUDIENCE]),
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();

const auth = betterAuth(options);
const { adapter } = await auth.$context;
const hashOf = (text) => createHash('sha256').update(text).digest('base64url');
const createdAt = new Date();
await adapter.create({
  model: 'oauthClient',
  data: {
    clientId: client.id,
    clientSecret: hashOf(client.secret),
    tokenEndpointAuthMethod: 'client_secret_basic',
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: ['https://app.example.com/callback'],
    scopes: SCOPE.split(' '),
    createdAt,
  },
});
await adapter.create({
  model: 'oauthClientResource',
  data: { clientId: client.id, resourceId: AUDIENCE, createdAt },
});
await seed(
  `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
   SELECT id, id, id || '@example.com', true, now(), now() FROM jsonb_to_recordset($1) AS row(id text)`,
  tokens.map((_, index) => ({ id: `user-${index}` })),
);
// The first row shows how its adapter writes lists; the others are the same.
const first = await adapter.create({
  model: 'oauthRefreshToken',
  data: {
    token: hashOf(tokens[0]),
    clientId: client.id,
    userId: 'user-0',
    resources: [AUDIENCE],
    scopes: SCOPE.split(' '),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + REFRESH_TOKEN_TTL * 1_000),
  },
});
await seed(
  `INSERT INTO "oauthRefreshToken" (id, token, "clientId", "userId", resources, scopes, "createdAt", "expiresAt")
   SELECT row.id, row.token, "clientId", row."user", resources, scopes, "createdAt", "expiresAt"
   FROM jsonb_to_recordset($1) AS row(id text, token text, "user" text), "oauthRefreshToken" AS first
   WHERE first.id = '${first.id}'`,
  tokens
    .slice(1)
    .map((token, index) => ({ id: `seed-${index}`, token: hashOf(token), user: `user-${index + 1}` })),
);
await pool.query('VACUUM (ANALYZE)');

const handle = toNodeHandler(auth);
listen(
  createServer((request, response) => {
    request.url = '/api/auth/oauth2/token';
    handle(request, response);
  }),
);
