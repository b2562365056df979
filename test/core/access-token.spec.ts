import fc from 'fast-check';
import { RESERVED_CLAIMS, accessTokenClaims, seconds } from '../../src/core/access-token.ts';
import { NOW, aSession, fromNow } from './a-session.ts';

const ISSUER = { issuer: 'https://auth.example.com', audience: 'https://api.example.com' };
const now = seconds(NOW);

function claimsOf(differently: Parameters<typeof aSession>[0] = {}): ReturnType<typeof accessTokenClaims> {
  return accessTokenClaims({ session: aSession(differently), now: NOW }, ISSUER, { jti: 'a-jti' });
}

describe('an access token', () => {
  test('says who signed in, where, for whom and for how long (RFC 9068 section 2.2)', () => {
    expect(claimsOf()).toEqual({
      iss: 'https://auth.example.com',
      sub: 'ada',
      aud: 'https://api.example.com',
      client_id: 'web',
      sid: '0216f557-b78a-80af-9cc7-a1186ba43d4b',
      jti: 'a-jti',
      auth_time: now - 3600,
      iat: now,
      exp: now + 900,
    });
  });

  test('says how the subject signed in and what for, if the login backend said so', () => {
    expect(claimsOf({ scope: 'read write', amr: ['pwd', 'otp'], acr: 'urn:mfa' })).toMatchObject({
      scope: 'read write',
      amr: ['pwd', 'otp'],
      acr: 'urn:mfa',
    });
  });

  test("names the session's own audience rather than the configured one", () => {
    expect(claimsOf({ audience: ['https://one.example'] }).aud).toBe('https://one.example');
    expect(claimsOf({ audience: ['https://one.example', 'https://two.example'] }).aud).toEqual([
      'https://one.example',
      'https://two.example',
    ]);
  });

  test("carries the session's own claims", () => {
    expect(claimsOf({ claims: { tenant: 't1', roles: ['admin'] } })).toMatchObject({
      tenant: 't1',
      roles: ['admin'],
    });
  });

  test("is not talked out of what the service says by the session's own claims", () => {
    const honest = claimsOf({ scope: 'read', amr: ['pwd'], acr: '1' });
    const lies = Object.fromEntries(Object.keys(honest).map((name) => [name, 'a lie']));
    expect(claimsOf({ scope: 'read', amr: ['pwd'], acr: '1', claims: lies })).toEqual(honest);
  });

  test('has no claim of its own that a session may also set', () => {
    const all = claimsOf({ scope: 'read', amr: ['pwd'], acr: '1' });
    expect(Object.keys(all).filter((name) => !RESERVED_CLAIMS.has(name))).toEqual([]);
  });

  test('never holds what stands in the refresh token or tells of the rotation', () => {
    const text = JSON.stringify(claimsOf({ generation: 4711, rotatedAt: NOW, device: 'phone' }));
    expect(text).not.toMatch(/4711|phone|generation|rotated/);
  });

  test('never outlives its session', () => {
    expect(claimsOf({ expiresAt: fromNow(60_000) }).exp).toBe(now + 60);
    expect(claimsOf({ idleExpiresAt: fromNow(60_000) }).exp).toBe(now + 60);
    expect(claimsOf({ expiresAt: fromNow(1_999) }).exp).toBe(now + 1);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 1, max: 86_400 }),
        fc.integer({ min: 0, max: 999 }),
        (untilEnd, untilIdle, accessTokenTtl, pastTheSecond) => {
          const session = aSession({
            expiresAt: fromNow(untilEnd),
            idleExpiresAt: fromNow(untilIdle),
            accessTokenTtl,
          });
          const at = { session, now: fromNow(pastTheSecond) };
          const { exp, iat } = accessTokenClaims(at, ISSUER, { jti: 'a-jti' });
          expect(exp * 1000).toBeLessThanOrEqual(NOW.getTime() + Math.min(untilEnd, untilIdle));
          expect(exp - iat).toBeLessThanOrEqual(accessTokenTtl);
        },
      ),
    );
  });

  test('gives its times in whole seconds, never in the future', () => {
    const claims = accessTokenClaims(
      { session: aSession({ authTime: fromNow(-1) }), now: fromNow(999) },
      ISSUER,
      { jti: 'a-jti' },
    );
    expect(claims).toMatchObject({ iat: now, exp: now + 900, auth_time: now - 1 });
  });
});
