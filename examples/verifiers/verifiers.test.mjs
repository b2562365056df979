import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { calculateJwkThumbprint } from 'jose';
import { freePort, startService } from '../start-service.mjs';

const ISSUER = 'https://auth.example';
const AUDIENCE = 'https://api.example';
/** Seconds, for the verifiers. */
const COOLDOWN = 1;
const LIFESPAN = 2;
const STRANGERS = 100;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const node = process.execPath;
const python = '/usr/bin/python3';

const VERIFIERS = [
  { name: 'Node with jose', run: [node, 'node-jose.mjs'] },
  {
    name: 'a Nest guard',
    build: [node, 'node_modules/typescript/bin/tsc'],
    run: [node, 'node_modules/.built/nest/main.js'],
  },
  {
    name: 'passport-jwt with jwks-rsa',
    run: [node, 'passport.mjs'],
  },
  {
    name: 'Deno',
    run: ['node_modules/.bin/deno', 'run', '--no-prompt', '--allow-net', '--allow-env', 'deno/main.mjs'],
  },
  {
    name: 'Python',
    needs: [python, '-c', 'import jwt, cryptography'],
    run: [python, 'python/main.py'],
  },
  {
    name: 'Go',
    needs: ['go', 'version'],
    build: ['go', 'build', '-o', 'node_modules/.built/go-verifier', 'go/main.go', 'go/accesstoken.go'],
    run: ['node_modules/.built/go-verifier'],
  },
];

describe('an API that verifies access tokens', { timeout: 120_000 }, () => {
  const running = [];
  let service, portOfService, keys, newKeys, good;

  before(async () => {
    keys = await makeKeys();
    newKeys = await makeKeys();
    portOfService = await freePort();
  });
  after(async () => {
    for (const child of running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await service?.stop();
  });

  const verifiers = VERIFIERS.filter(({ name, needs: [program, ...args] = [] }) => {
    const isThere = !program || spawnSync(program, args).status === 0;
    if (!isThere) {
      it(`${name} is installed`, { skip: !process.env.CI && `run ${HERE}install.sh` }, () => {
        assert.fail(`run ${HERE}install.sh`);
      });
    }
    return isThere;
  });
  const forEach = (says, test, chosen = verifiers) => {
    for (const verifier of chosen) it(`${verifier.name}: ${says}`, () => test(verifier));
  };

  /** Starts the service with these keys, where the verifiers look for it. */
  async function start({ pem }) {
    service = await startService({
      PORT: String(portOfService),
      ISSUER,
      AUDIENCE,
      ACCESS_TOKEN_PRIVATE_KEY: pem,
    });
  }

  async function stop() {
    await service.stop();
    service = undefined;
  }

  /** Both tokens of a session that has been refreshed. */
  async function signIn() {
    const opened = await post('/sessions', { subject: 'ada' }, service.serviceKey);
    const { accessToken, refreshToken } = await post('/auth/refresh', { refreshToken: opened.refreshToken });
    return { accessToken, refreshToken };
  }

  async function post(path, body, key) {
    const response = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  }

  /** What the API says to a token: the subject that it has read, or its status. */
  async function ask({ url }, token) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(url, { headers });
    const body = await response.json();

    return response.status === 200 ? body.subject : response.status;
  }

  /** Asks until the answer is as expected, for twenty seconds at most. */
  async function askUntil(verifier, token, expected) {
    let answer;
    for (let tried = 0; tried < 200; tried++) {
      answer = await ask(verifier, token).catch(({ message }) => message);
      if (answer === expected) return;
      await pause(100);
    }
    assert.equal(answer, expected);
  }

  describe('before the service is there', () => {
    before(async () => {
      for (const verifier of verifiers) {
        const port = await freePort();
        const [program, ...args] = verifier.run;
        if (verifier.build) execFileSync(verifier.build[0], verifier.build.slice(1), { cwd: HERE });
        const child = spawn(program, args, {
          cwd: HERE,
          env: {
            PATH: process.env.PATH,
            HOME: process.env.HOME,
            PYTHONDONTWRITEBYTECODE: '1',
            RATCHET_URL: `http://127.0.0.1:${portOfService}`,
            PORT: String(port),
            KEYS_COOLDOWN: String(COOLDOWN),
            KEYS_LIFESPAN: String(LIFESPAN),
            ISSUER,
            AUDIENCE,
          },
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        running.push(child);
        verifier.url = `http://127.0.0.1:${port}`;
      }
    });

    forEach('says that it cannot tell, not that the token is bad', async (verifier) => {
      await askUntil(verifier, forge(keys), 503);
    });
  });

  describe('with the service', () => {
    before(async () => {
      await start(keys);
      good = await signIn();
    });

    forEach('knows the subject of a good token', (verifier) => askUntil(verifier, good.accessToken, 'ada'));

    forEach('is one of several audiences', async (verifier) => {
      const token = forge(keys, { claims: { aud: ['https://other.example', AUDIENCE] } });
      assert.equal(await ask(verifier, token), 'ada');
    });

    const bad = {
      'no token': () => undefined,
      'no JWT': () => 'abc.def.ghi',
      'a refresh token': () => good.refreshToken,
      'an expired one': () => forge(keys, { claims: { exp: now() - 60 } }),
      'one that never expires': () => forge(keys, { claims: { exp: undefined } }),
      'one of another audience': () => forge(keys, { claims: { aud: 'https://other.example' } }),
      'one of no audience': () => forge(keys, { claims: { aud: undefined } }),
      'one of another issuer': () => forge(keys, { claims: { iss: `${ISSUER}/` } }),
      'one of no subject': () => forge(keys, { claims: { sub: undefined } }),
      'an ID token': () => forge(keys, { header: { typ: 'JWT' } }),
      'one of no type': () => forge(keys, { header: { typ: undefined } }),
      'an unsigned one': () => forge(keys, { header: { alg: 'none' }, signature: () => '' }),
      'an unsigned one that says it is signed': () => forge(keys, { signature: () => '' }),
      'one signed by HS256 with the public key': () =>
        forge(keys, { header: { alg: 'HS256' }, signature: hmac(keys.publicPem) }),
      "a stranger's": () => forge(newKeys, { header: { kid: keys.kid } }),
      "a stranger's with a key of its own in it": () => forge(newKeys, { header: { jwk: newKeys.jwk } }),
      'one of another algorithm': () => forge(keys, { header: { alg: 'ES384' } }),
      'one that has been changed': () => changed(good.accessToken, { sub: 'grace' }),
      'a dry run’s': () => forge(keys, { header: { typ: 'dry-run+jwt' } }),
      'one that is bound to a key, without proof': () => forge(keys, { claims: { cnf: { jkt: 'x' } } }),
    };
    forEach('refuses what is no good token', async (verifier) => {
      for (const [what, token] of Object.entries(bad))
        assert.equal(await ask(verifier, token()), 401, `${what} was let in`);
      assert.equal(await ask(verifier, good.accessToken), 'ada');
    });
  });

  describe('while strangers invent key ids', () => {
    before(() => pause(COOLDOWN * 1000));

    forEach('does not ask for the keys as often as strangers like', async (verifier) => {
      const before = await fetches();
      const since = Date.now();
      for (let asked = 0; asked < STRANGERS; asked++) {
        const kid = randomBytes(8).toString('hex');
        assert.notEqual(await ask(verifier, forge(newKeys, { header: { kid } })), 'ada');
      }
      assert.equal(await ask(verifier, good.accessToken), 'ada');
      const seconds = (Date.now() - since) / 1000;
      const asked = (await fetches()) - before;
      assert.ok(asked >= 1, 'never asked');
      assert.ok(asked <= 2 + seconds / COOLDOWN, `asked ${asked} times in ${seconds} s`);
    });
    const fetches = async () =>
      (await service.log()).filter(({ path }) => path === '/.well-known/jwks.json').length;
  });

  describe('while the service is down', () => {
    before(async () => {
      for (const verifier of verifiers) await askUntil(verifier, good.accessToken, 'ada');
      await stop();
      await pause(LIFESPAN * 1000);
    });

    forEach('goes on with the keys it has, old as they are', async (verifier) => {
      for (let asked = 0; asked < 5; asked++) assert.equal(await ask(verifier, good.accessToken), 'ada');
      assert.equal(await ask(verifier, forge(newKeys, { header: { kid: keys.kid } })), 401);
    });
  });

  describe('when the service has new keys', () => {
    let newer;
    before(async () => {
      await start(newKeys);
      newer = await signIn();
    });

    forEach('takes their tokens', (verifier) => askUntil(verifier, newer.accessToken, 'ada'));
    forEach('takes those of the old no more', (verifier) => askUntil(verifier, good.accessToken, 401));
  });
});

async function makeKeys() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    privateKey,
    jwk,
    kid: await calculateJwkThumbprint(jwk),
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }),
    publicPem: createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }),
  };
}

/** An access token as the service would sign it with these keys, but for what is said otherwise. */
function forge({ privateKey, kid }, { header, claims, signature = es256(privateKey) } = {}) {
  const times = { iat: now(), exp: now() + 900 };
  const signed = [
    { alg: 'ES256', typ: 'at+jwt', kid, ...header },
    { iss: ISSUER, aud: AUDIENCE, sub: 'ada', ...times, ...claims },
  ]
    .map(base64url)
    .join('.');
  return `${signed}.${signature(signed)}`;
}

function changed(token, claims) {
  const [header, payload, signature] = token.split('.');
  const read = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return [header, base64url({ ...read, ...claims }), signature].join('.');
}

const now = () => Math.floor(Date.now() / 1000);
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const es256 = (key) => (text) =>
  sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
const hmac = (secret) => (text) => createHmac('sha256', secret).update(text).digest('base64url');
