import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startService } from '../start-service.mjs';
import { createLogin } from './server.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ISSUER = 'https://auth.example';
const AUDIENCE = 'https://api.example';

describe('the login backend', { timeout: 120_000 }, () => {
  let service, login, url;

  before(async () => {
    service = await startService({ ISSUER, AUDIENCE });
    const { url: ratchetUrl, serviceKey } = service;
    login = createLogin({ ratchetUrl, serviceKey, issuer: ISSUER, audience: AUDIENCE });
    login.server.listen(0, '127.0.0.1');
    await once(login.server, 'listening');
    url = `http://127.0.0.1:${login.server.address().port}`;
  });
  after(async () => {
    login?.server.closeAllConnections();
    login?.server.close();
    await service?.stop();
  });

  async function signIn({ name = 'ada', password = 'lovelace', cookie, device = 'Firefox on Linux' } = {}) {
    const response = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': device, ...(cookie && { cookie }) },
      body: JSON.stringify({ name, password }),
    });
    const cookies = response.headers.getSetCookie();
    const { accessToken } = await response.json();
    return { status: response.status, cookies, accessToken };
  }

  function ask(accessToken, call = 'GET /devices') {
    const [method, path] = call.split(' ');
    return fetch(url + path, { method, headers: { authorization: `Bearer ${accessToken}` } });
  }

  const devicesOf = async ({ accessToken }) => (await (await ask(accessToken)).json()).devices;
  const refresh = ({ cookies }) =>
    fetch(`${service.url}/auth/refresh`, { method: 'POST', headers: { cookie: pair(cookies[0]) } });
  const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

  it('is of the types that the document of the service says', () => {
    execFileSync('npm', ['run', '-s', 'check'], { cwd: HERE, stdio: 'pipe' });
  });

  it('signs in who knows the password, with the cookie as Ratchet made it', async () => {
    const ada = await signIn();
    assert.equal(ada.status, 200);
    assert.match(ada.cookies[0], /^refresh_token=rt1_.*HttpOnly/);
    assert.equal((await refresh(ada)).status, 200);
    const { sub, role } = claimsOf(ada.accessToken);
    assert.deepEqual({ sub, role }, { sub: 'ada', role: 'editor' });
  });

  it('signs in nobody else', async () => {
    for (const somebody of [{ password: 'byron' }, { name: '__proto__' }, { name: 'grace' }]) {
      const { status, cookies } = await signIn(somebody);
      assert.deepEqual({ status, cookies }, { status: 403, cookies: [] });
    }
  });

  it('who signs in again on a device leaves no session behind; on another, both live', async () => {
    const first = await signIn();
    const again = await signIn({ cookie: pair(first.cookies[1]) });
    const phone = await signIn({ device: 'Safari on iOS' });

    assert.equal((await refresh(first)).status, 401);
    assert.equal((await refresh(again)).status, 200);
    assert.equal((await refresh(phone)).status, 200);
  });

  it('somebody else on the same device ends nothing', async () => {
    const ada = await signIn();
    const grace = await signIn({ name: 'grace', password: 'hopper', cookie: pair(ada.cookies[1]) });
    assert.equal(grace.status, 200);
    assert.equal((await refresh(ada)).status, 200);
  });

  it('shows people their devices, and signs out the one they choose', async () => {
    const ada = await signIn({ device: 'Chrome on Windows' });
    const phone = await signIn({ device: 'Safari on iOS' });
    const { sid } = claimsOf(phone.accessToken);
    const shown = (await devicesOf(ada)).find(({ id }) => id === sid);
    assert.deepEqual(
      { ...shown, since: '' },
      { id: sid, device: 'Safari on iOS', since: '', lastSeen: null, isThis: false },
    );

    assert.equal((await ask(ada.accessToken, `DELETE /devices/${sid}`)).status, 204);

    assert.equal((await refresh(phone)).status, 401);
    assert.ok((await devicesOf(ada)).every(({ id }) => id !== sid));
    assert.equal((await refresh(ada)).status, 200);
  });

  it('shows all devices of who has more than fit on a page', async () => {
    const many = await Promise.all(
      Array.from({ length: 120 }, (_, at) =>
        signIn({ name: 'grace', password: 'hopper', device: `device ${at}` }),
      ),
    );
    const names = new Set((await devicesOf(many[0])).map(({ device }) => device));
    for (let at = 0; at < 120; at++) assert.ok(names.has(`device ${at}`), `device ${at}`);
  });

  it("nobody ends somebody else's session, or one that is none", async () => {
    const ada = await signIn();
    const grace = await signIn({ name: 'grace', password: 'hopper' });
    const { sid } = claimsOf(ada.accessToken);
    assert.equal((await ask(grace.accessToken, `DELETE /devices/${sid}`)).status, 404);
    assert.equal(
      (await ask(grace.accessToken, `DELETE /devices/${sid.replace(/^......../, '00000000')}`)).status,
      404,
    );
    assert.equal((await ask('stranger', `DELETE /devices/${sid}`)).status, 401);
    assert.equal((await refresh(ada)).status, 200);
  });

  it('signs out everywhere else', async () => {
    const ada = await signIn();
    const others = [await signIn(), await signIn()];
    const { signedOut } = await (await ask(ada.accessToken, 'DELETE /devices')).json();
    assert.ok(signedOut >= 2);
    for (const other of others) assert.equal((await refresh(other)).status, 401);
    assert.deepEqual(
      (await devicesOf(ada)).map(({ isThis }) => isThis),
      [true],
    );
  });

  it('a role that is changed, or taken away, is so in the next access token', async () => {
    const ada = await signIn();
    assert.ok((await login.changeRole('ada', 'admin')) >= 1);
    const first = await refresh(ada);
    assert.equal(claimsOf((await first.json()).accessToken).role, 'admin');

    await login.changeRole('ada', null);
    const second = await refresh({ cookies: first.headers.getSetCookie() });
    assert.ok(!('role' in claimsOf((await second.json()).accessToken)));
  });

  it('says "try again" while Ratchet is down', async () => {
    const ada = await signIn();
    await service.stop();
    const response = await ask(ada.accessToken);
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    assert.equal((await signIn()).status, 503);
  });
});

const pair = (setCookie) => setCookie.split(';')[0];
