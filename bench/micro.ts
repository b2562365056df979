import {
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto';
import { mintRefreshToken, newHandle, readRefreshToken, sessionIdOf } from '../src/core/refresh-token.ts';
import { jwtSigner } from '../src/keys/access-token-signer.ts';
import { table } from './table.ts';

/**
 * What the parts of a refresh cost on the Node that this runs on, in microseconds of one call: `npm run bench:micro`. The
 * first four are why keys are KeyObjects, and bare. With `--json`, an object of the same.
 */
const CALLS = 4_000;
const ROUNDS = 9;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bytes = randomBytes(32);
const secret = createSecretKey(bytes);
const data = Buffer.from('x'.repeat(400));
const key = { kid: 1, secret };
const token = { handle: newHandle(), generation: 7, deadline: 4_000_000_000 };
const text = mintRefreshToken(token, key);
const signJwt = jwtSigner({ kid: 'bench', algorithm: 'ES256', key: privateKey }, 'at+jwt');
const [iat, jti] = [1_800_000_000, randomUUID()];
const claims = { iss: 'https://auth.example.com', sub: 'ada', aud: 'https://api.example.com' };
const hmac = (by: Buffer | KeyObject): Buffer => createHmac('sha256', by).update(text).digest();

const PARTS: Readonly<Record<string, () => unknown>> = {
  "sign('sha256', data, { key, dsaEncoding })": () =>
    sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  "sign('sha256', data, key)": () => sign('sha256', data, privateKey),
  'createHmac with a Buffer as key': () => hmac(bytes),
  'createHmac with a KeyObject': () => hmac(secret),
  'refresh token: read': () => readRefreshToken(text, [key]),
  'refresh token: mint': () => mintRefreshToken(token, key),
  'session id of a handle': () => sessionIdOf(token.handle),
  'access token: sign': () =>
    signJwt({ ...claims, client_id: 'web', sid: jti, jti, iat, exp: iat + 900, scope: 'openid profile' }),
};

const figures = Object.fromEntries(Object.entries(PARTS).map(([name, part]) => [name, microseconds(part)]));
process.stdout.write(
  process.argv.includes('--json')
    ? JSON.stringify(figures)
    : `${table(
        [`µs on Node ${process.versions.node}`, 'a call'],
        Object.entries(figures).map(([name, each]) => [name, each.toFixed(1)]),
      )}\n`,
);

/** The middle one of several rounds, of which the first warms up. */
function microseconds(part: () => unknown): number {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const since = performance.now();
    for (let call = 0; call < CALLS; call++) part();
    return ((performance.now() - since) * 1000) / CALLS;
  });
  return rounds.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}
