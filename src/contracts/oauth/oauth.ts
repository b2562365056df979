import type { Contract } from '../contract.js';
import { ClientAuthentication } from './client-authentication.js';
import { Dpop } from './dpop.js';
import { IntrospectionController } from './introspection.controller.js';
import { MetadataController } from './metadata.controller.js';
import { oauthErrors } from './oauth-errors.js';
import { RevocationController } from './revocation.controller.js';
import { TokenController } from './token.controller.js';

/** OAuth 2.0: refresh (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414), DPoP (RFC 9449). */
export const oauth: Contract = {
  name: 'oauth',
  controllers: [TokenController, RevocationController, IntrospectionController, MetadataController],
  reads: 'application/x-www-form-urlencoded',
  headers: ['dpop'],
  errors: oauthErrors,
  providers: [ClientAuthentication, Dpop],
  document: {
    openapi: '3.0.3',
    title: 'Ratchet: OAuth 2.0',
    description:
      'For any OAuth 2.0 client library: refresh, revocation, introspection, metadata, DPoP. Register a client with `POST /clients`, and open a session with its `clientId`.',
    version: '1.0',
    flaw: { in: 'body', message: 'A parameter was sent more than once' },
    // Or in the body, or not at all: a public client.
    security: [{ clientBasic: [] }, {}],
    securitySchemes: { clientBasic: { type: 'http', scheme: 'basic', description: 'client_secret_basic' } },
  },
};
