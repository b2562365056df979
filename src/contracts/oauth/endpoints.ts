import type { Mount } from '../contract.js';

/** The URLs of the contract's endpoints, as clients know them: under the issuer, wherever the request came in. */
export interface Endpoints {
  readonly issuer: string;
  readonly token: string;
  readonly revocation: string;
  readonly introspection: string;
  readonly jwks: string;
}

/** The endpoints of a mount. */
export function endpointsOf(mount: Mount): Endpoints {
  return {
    issuer: mount.config.issuer,
    token: mount.urlOf(mount.at('/oauth/token')),
    revocation: mount.urlOf(mount.at('/oauth/revoke')),
    introspection: mount.urlOf(mount.at('/oauth/introspect')),
    jwks: mount.urlOf('/.well-known/jwks.json'),
  };
}
