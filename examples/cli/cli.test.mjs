import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLink } from '../faulty-link.mjs';
import { startService } from '../start-service.mjs';

const TOOL = fileURLToPath(new URL('harbour.mjs', import.meta.url));
const KILLED = new URL('killed-after-answer.mjs', import.meta.url).href;
const PROCESSES = 20;
/** Refreshes a minute of one session. */
const LIMIT = 30;

describe('the command-line tool', { timeout: 120_000 }, () => {
  let service, link, home, file;

  before(async () => {
    service = await startService({ RATE_LIMIT_PER_SESSION: String(LIMIT), ROTATION_GRACE: '60s' });
    link = await openLink(service.url);
    home = await mkdtemp(join(tmpdir(), 'harbour-'));
    file = join(home, 'harbour', 'session.json');
  });
  after(async () => {
    await link?.close();
    await service?.stop();
    await rm(home, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await rm(file, { force: true });
    if (service) assert.equal((await harbour('login')).status, 0);
  });

  /** Runs the tool. Its exit status, or the signal that ended it, and what it said. */
  function harbour(...args) {
    return run([TOOL, ...args]);
  }

  function run(args, url = link.url) {
    const env = {
      PATH: process.env.PATH,
      XDG_CONFIG_HOME: home,
      RATCHET_URL: url,
      SERVICE_KEY: service?.serviceKey,
    };
    return new Promise((resolve) => {
      execFile(process.execPath, args, { env }, (error, out, err) =>
        resolve({ status: error ? (error.signal ?? error.code) : 0, said: (out + err).trim() }),
      );
    });
  }

  const kept = async () => JSON.parse(await readFile(file, 'utf8'));
  const sidOf = ({ accessToken }) =>
    JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString()).sid;

  /** The session as the service has it. */
  async function session(tokens) {
    const response = await call(`/sessions/${sidOf(tokens)}`);
    const { status, generation } = await response.json();
    return { status, generation };
  }

  function call(path, method = 'GET') {
    return fetch(service.url + path, { method, headers: { authorization: `Bearer ${service.serviceKey}` } });
  }

  async function refreshesOf(tokens) {
    const sid = sidOf(tokens);
    return (await service.log()).filter(
      ({ path, sessionId }) => path === '/auth/refresh' && sessionId === sid,
    );
  }

  it('keeps its tokens where nobody else can read them', async () => {
    assert.equal((await harbour('whoami', '--fresh')).said, 'ada');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(join(home, 'harbour'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(home, 'harbour')), ['session.json']);
  });

  it('asks for nothing while the access token is good', async () => {
    await harbour('whoami');
    assert.equal((await refreshesOf(await kept())).length, 0);
  });

  it(`${PROCESSES} processes whose access token has expired make one refresh`, async () => {
    await writeFile(file, JSON.stringify({ ...(await kept()), expiresAt: 0 }));
    const all = await Promise.all(Array.from({ length: PROCESSES }, () => harbour('whoami')));
    assert.deepEqual(new Set(all.map(({ status, said }) => `${status} ${said}`)), new Set(['0 ada']));
    assert.equal((await refreshesOf(await kept())).length, 1);
    assert.deepEqual(await session(await kept()), { status: 'active', generation: 1 });
  });

  it(`${PROCESSES} processes that all want another token are all served, and nobody is signed out`, async () => {
    const all = await Promise.all(Array.from({ length: PROCESSES }, () => harbour('whoami', '--fresh')));
    assert.deepEqual(new Set(all.map(({ status, said }) => `${status} ${said}`)), new Set(['0 ada']));
    assert.equal((await session(await kept())).status, 'active');
    assert.equal((await harbour('whoami', '--fresh')).status, 0);
  });

  it('killed between the answer and the file, the next run goes on', async () => {
    const before = await kept();
    const killed = await run(['--import', KILLED, TOOL, 'whoami', '--fresh']);
    assert.equal(killed.status, 'SIGKILL');
    assert.deepEqual(await kept(), before);
    assert.equal((await session(before)).generation, 1);

    assert.deepEqual(await harbour('whoami', '--fresh'), { status: 0, said: 'ada' });
    assert.notEqual((await kept()).refreshToken, before.refreshToken);
    assert.deepEqual(await session(before), { status: 'active', generation: 1 });
  });

  it('an answer that is lost costs another try', async () => {
    const before = await kept();
    link.lose('/auth/refresh', 2);
    const { status, said } = await harbour('whoami', '--fresh');
    link.lose('/auth/refresh', 0);
    assert.equal(status, 75);
    assert.match(said, /try again shortly; you are still signed in/);
    assert.deepEqual(await kept(), before);
    assert.deepEqual(await harbour('whoami', '--fresh'), { status: 0, said: 'ada' });
    assert.deepEqual(await session(before), { status: 'active', generation: 1 });
  });

  it('a 401 of a gateway in between signs nobody out', async () => {
    const before = await kept();
    const body = '<h1>401 Authorization Required</h1>';
    link.answer(
      '/auth/refresh',
      `HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    assert.equal((await harbour('whoami', '--fresh')).status, 75);
    assert.deepEqual(await kept(), before);
    assert.deepEqual(await harbour('whoami', '--fresh'), { status: 0, said: 'ada' });
  });

  it('whoever refreshes too often is told when to try again, and stays signed in', async () => {
    const { refreshToken } = await kept();
    let answer;
    for (let asked = 0; asked <= LIMIT; asked++)
      answer = await fetch(`${service.url}/auth/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
      });
    assert.equal(answer.status, 429);

    const { status, said } = await harbour('whoami', '--fresh');
    assert.equal(status, 75);
    assert.match(said, /answered 429; again in \d+ s/);
    assert.equal((await kept()).refreshToken, refreshToken);
  });

  it('whose session was ended is told to sign in again, and nothing is kept', async () => {
    await call(`/sessions/${sidOf(await kept())}`, 'DELETE');
    const { status, said } = await harbour('whoami', '--fresh');
    assert.equal(status, 77);
    assert.match(said, /the session is over \(REVOKED\)\nsign in again: harbour login/);
    assert.equal((await harbour('whoami')).said, 'nobody is signed in\nsign in again: harbour login');
  });

  it('a damaged file is called so', async () => {
    for (const text of ['', '{"refreshToken":', 'null', '[]']) {
      await writeFile(file, text);
      const { status, said } = await harbour('whoami');
      assert.equal(status, 78);
      assert.match(said, /session\.json is damaged; remove it and sign in again/);
    }
  });

  it('signs out here and there', async () => {
    const before = await kept();
    assert.deepEqual(await harbour('logout'), { status: 0, said: 'signed out' });
    assert.equal((await session(before)).status, 'revoked');
    assert.deepEqual(await harbour('logout'), { status: 0, said: 'signed out' });
  });

  it('offline it stays signed in; signing out says what it could not do', async () => {
    const before = await kept();
    await service.stop();
    service = undefined;
    const { status, said } = await harbour('whoami', '--fresh');
    assert.equal(status, 75, said);
    assert.match(said, /does not answer/);
    assert.deepEqual(await kept(), before);
    assert.equal((await harbour('whoami')).said, 'ada');

    assert.match((await harbour('logout')).said, /the service was not reached, and still has the session/);
    assert.equal((await harbour('whoami')).status, 77);
  });
});
