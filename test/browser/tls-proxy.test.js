import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { freePort } from '../../examples/start-service.mjs';
import { BrowserEnvironment } from './environment.js';

const CADDY = process.env.CADDY_PATH ?? '/usr/bin/caddy';
/** Requests a minute that the service lets an address make. */
const LIMIT = 5;

const environment = new BrowserEnvironment();
let service;
let directory;
let caddy;
let port;
let ca;

before(async () => {
  assert.ok(existsSync(CADDY), `No Caddy. Set CADDY_PATH to one (now ${CADDY}).`);
  directory = await mkdtemp(join(tmpdir(), 'ratchet-caddy-'));
  const [httpsPort, httpPort] = [await freePort(), await freePort()];
  port = httpsPort;
  const issuer = `https://localhost:${port}`;
  service = await environment.service({
    ISSUER: issuer,
    AUDIENCE: issuer,
    TRUST_PROXY: '1',
    RATE_LIMIT_PER_ADDRESS: String(LIMIT),
  });
  caddy = spawn(CADDY, ['run', '--config', 'deploy/Caddyfile', '--adapter', 'caddyfile'], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      XDG_DATA_HOME: directory,
      XDG_CONFIG_HOME: directory,
      ISSUER: issuer,
      RATCHET: new URL(service.url).host,
      HTTP_PORT: String(httpPort),
    },
  });
  process.once('exit', () => caddy.kill('SIGKILL'));
  const root = join(directory, 'caddy/pki/authorities/local/root.crt');
  for (let tries = 0; tries < 200 && !ca; tries++) {
    ca = await readFile(root).catch(() => undefined);
    if (!ca) await pause(100);
  }
  for (let tries = 0; tries < 200; tries++) {
    const answer = await ask('GET', '/health/live').catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(100);
  }
  assert.fail('Caddy does not answer');
});

after(async () => {
  if (caddy?.exitCode === null) {
    const gone = once(caddy, 'exit');
    caddy.kill();
    await gone;
  }
  await environment.clear();
  await rm(directory, { recursive: true, force: true });
});

test('a page behind Caddy is refreshed over TLS, with a cookie that is Secure', async () => {
  const { setCookie } = await service.open();
  const cookie = setCookie.split(';', 1)[0];
  const answer = await ask('POST', '/auth/refresh', { cookie, origin: `https://localhost:${port}` });
  assert.equal(answer.status, 200);
  assert.match(answer.headers['set-cookie'][0], /^refresh_token=rt1_[^;]+;.*; Secure$/);
  assert.equal(answer.headers['strict-transport-security'], 'max-age=31536000');
});

test('clients behind Caddy are limited each by the address that they have, and not by one that they claim', async () => {
  const statuses = async (localAddress, claim) => {
    const all = [];
    for (let each = 0; each <= LIMIT; each++) {
      const headers = claim
        ? { 'x-forwarded-for': `198.51.100.${each}`, forwarded: `for=198.51.100.${each}` }
        : {};
      all.push((await ask('POST', '/auth/refresh', headers, localAddress)).status);
    }
    return all;
  };
  const limited = [...Array.from({ length: LIMIT }, () => 401), 429];
  assert.deepEqual(await statuses('127.0.0.2', true), limited);
  assert.deepEqual(await statuses('127.0.0.3', false), limited);
});

/** Asks Caddy, from one of this machine's addresses. */
async function ask(method, path, headers = {}, localAddress = '127.0.0.1') {
  const asked = request({
    ...{ host: '127.0.0.1', servername: 'localhost', port, method, path, ca, localAddress, agent: false },
    headers: { host: `localhost:${port}`, ...headers },
    timeout: 10_000,
  });
  asked.once('timeout', () => asked.destroy(new Error('no answer')));
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, headers: response.headers };
}
