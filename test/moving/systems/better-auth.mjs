// better-auth as its documentation sets it up: passwords, sessions in a cookie, and its OAuth provider.
import { createServer } from 'node:http';
import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
import pg from 'pg';
import { listen } from './listen.mjs';

const options = {
  baseURL: `http://127.0.0.1:${process.env['PORT']}`,
  secret: process.env['SECRET'],
  database: new pg.Pool({ connectionString: process.env['DATABASE_URL'] }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({ disableSettingJwtHeader: true }),
    oauthProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      scopes: ['openid', 'profile', 'offline_access'],
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const { adapter } = await auth.$context;
await adapter.create({
  model: 'oauthClient',
  data: {
    clientId: 'an-app',
    tokenEndpointAuthMethod: 'none',
    public: true,
    skipConsent: true,
    grantTypes: ['authorization_code', 'refresh_token'],
    responseTypes: ['code'],
    redirectUris: ['http://127.0.0.1/callback'],
    scopes: ['openid', 'profile', 'offline_access'],
    createdAt: new Date(),
  },
});
listen(createServer(toNodeHandler(auth)));
