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
  const { issuer } = mount.config;
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    token: base + mount.at('/oauth/token'),
    revocation: base + mount.at('/oauth/revoke'),
    introspection: base + mount.at('/oauth/introspect'),
    jwks: `${base}/.well-known/jwks.json`,
  };
}
