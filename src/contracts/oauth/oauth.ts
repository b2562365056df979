import type { Contract } from '../contract.js';
import { ClientAuthentication } from './client-authentication.js';
import { Dpop } from './dpop.js';
import { introspectionControllerAt } from './introspection.controller.js';
import { metadataControllerAt } from './metadata.controller.js';
import { oauthWords } from './oauth-words.js';
import { revocationControllerAt } from './revocation.controller.js';
import { tokenControllerAt } from './token.controller.js';

/** OAuth 2.0: refresh (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414), DPoP (RFC 9449). */
export const oauth: Contract = {
  name: 'oauth',
  folder: '/oauth',
  routes: {
    '/oauth/token': 'POST',
    '/oauth/revoke': 'POST',
    '/oauth/introspect': 'POST',
    '/.well-known/oauth-authorization-server': 'GET',
  },
  reads: 'application/x-www-form-urlencoded',
  headers: ['dpop'],
  words: oauthWords,
  providers: [ClientAuthentication, Dpop],
  controllers: (mount) => [
    tokenControllerAt(mount),
    revocationControllerAt(mount),
    introspectionControllerAt(mount),
    metadataControllerAt(mount),
  ],
  document: {
    openapi: '3.0.3',
    title: 'Ratchet: OAuth 2.0',
    description: 'Refresh, revocation, introspection and metadata for any OAuth 2.0 client.',
    version: '1.0',
    securitySchemes: { clientBasic: { type: 'http', scheme: 'basic', description: 'client_secret_basic' } },
  },
};
