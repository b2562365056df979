import type { AccessTokenClaims } from '../../src/core/access-token.ts';

/** Who issues them. */
export const ISSUER = 'https://auth.example.com';

/** Claims of an access token issued at `now`. */
export function claimsAt(now: Date, ttl = 900): AccessTokenClaims {
  const iat = Math.floor(now.getTime() / 1000);
  return {
    iss: ISSUER,
    sub: 'ada',
    aud: 'https://api.example.com',
    client_id: 'web',
    sid: '0216f557-b78a-80af-9cc7-a1186ba43d4b',
    jti: 'a-jti',
    iat,
    exp: iat + ttl,
  };
}
