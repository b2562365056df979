import { spawn as spawnProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { Cleanup } from '../../src/ops/cleanup.ts';
import { TestDatabase } from '../support/database.ts';
import { freePort } from '../support/postgres.ts';
import { sendRaw } from '../support/raw-http.ts';
import {
  SERVICE_KEY,
  SETTINGS,
  spawnService,
  startService,
  type OpenedSession,
  type TestService,
} from '../support/service.ts';
import { waitUntil } from '../support/wait-until.ts';

type Line = Record<string, unknown>;

/** The lines of a service's log. */
function linesOf(log: string): Line[] {
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line);
}

const CRASHES_AT_SIGUSR2 = '--import=data:text/javascript,process.on(%22SIGUSR2%22,()=>{throw%201})';

/** Those that are about requests. */
function requestLines(log: string): Line[] {
  return linesOf(log).filter(({ msg }) => msg === 'request');
}

describe('an operator', () => {
  let database: TestDatabase;
  const started: TestService[] = [];

  beforeAll(async () => {
    database = await TestDatabase.create();
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((service) => service.stop()));
  });

  afterAll(() => database.drop());

  async function start(settings: Record<string, string> = {}): Promise<TestService> {
    const service = await startService({ DATABASE_URL: database.url, ...settings });
    started.push(service);
    return service;
  }

  async function spawn(
    settings: Record<string, string> = {},
  ): Promise<{ service: TestService; log: () => string }> {
    const service = await spawnService({ DATABASE_URL: database.url, ...settings });
    started.push(service);
    let log = '';
    service.process!.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    service.process!.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    return { service, log: () => log };
  }

  test('reads one line a request, with its id, its session and how it came out, and no secret', async () => {
    const { service, log } = await spawn();
    const { refreshToken, session, accessToken } = await service.open();
    const refreshed = await fetch(`${service.url}/auth/refresh?token=${refreshToken}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'my-id.1' },
      body: JSON.stringify({ refreshToken }),
    });
    expect(refreshed.headers.get('x-request-id')).toBe('my-id.1');
    const successor = ((await refreshed.json()) as OpenedSession).refreshToken;
    await service.refresh('nonsense-token-of-mine');
    await fetch(`${service.url}/auth/${refreshToken}`);
    await service.post('/auth/refresh', { refreshToken: { nested: successor } });
    await service.stop();
    const lines = requestLines(log());
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatchObject({
      requestId: 'my-id.1',
      method: 'POST',
      path: '/auth/refresh',
      status: 200,
      contract: 'plec',
      outcome: 'rotate',
      sessionId: session.id,
    });
    expect(lines[2]).toMatchObject({ status: 401, outcome: 'refused', reason: 'malformed_token' });
    expect(lines[3]).toMatchObject({ status: 404, path: '(unknown)' });
    for (const secret of [refreshToken, successor, accessToken, 'nonsense-token-of-mine', SERVICE_KEY]) {
      expect(log()).not.toContain(secret);
    }
  });

  test('is warned of a recovery, with its session and client, and finds it counted', async () => {
    const { service, log } = await spawn();
    const { refreshToken, session } = await service.open({ clientId: 'telephone', unbound: true });
    await service.refresh(refreshToken);
    await database.advance(10_001);
    await service.refresh(refreshToken);
    const counted = await (await service.api('GET', '/metrics')).text();
    await service.stop();
    expect(requestLines(log())[2]).toMatchObject({
      level: 'warn',
      outcome: 'recover',
      sessionId: session.id,
      clientId: 'telephone',
      address: '127.0.0.1',
    });
    expect(counted).toContain('ratchet_requests_total{contract="plec",outcome="recover"');
  });

  test.each([
    [{}, 'a lost answer is given again within 10s, and made good within 3d if no answer was used'],
    [{ RECOVERY_WINDOW: '0' }, 'a lost answer is given again within 10s; later, it ends its session'],
    [
      { ROTATION_GRACE: '0' },
      'ROTATION_GRACE=0: a refresh token is good once, and a lost answer ends its session',
    ],
  ])('who sets %j is told at start what is in force', async (settings, told) => {
    const env = { ...SETTINGS, LOG_LEVEL: 'info', DATABASE_URL: database.url, ...settings };
    const child = spawnProcess(process.execPath, ['dist/main.js'], { env });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    let log = '';
    for await (const chunk of child.stdout) {
      log += String(chunk);
      if (log.includes('Server listening')) break;
    }
    child.kill('SIGTERM');
    expect(await gone).toBe(0);
    expect(log).toContain(`"msg":"${told}"`);
  });

  test('finds the id of an answer in the log even when the request could not be read', async () => {
    const { service, log } = await spawn();
    const answers = [
      await sendRaw(service.url, { path: '/auth/%E0%A4%A' }),
      await sendRaw(service.url, { headers: { cookie: 'x'.repeat(100_000) } }),
      await sendRaw(service.url, { headers: { 'transfer-encoding': 'chunked, nonsense' } }),
    ];
    await service.stop();
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    const contracts = requestLines(log()).map(({ requestId, contract }) => [requestId, contract]);
    expect(Object.fromEntries(contracts)).toEqual(Object.fromEntries(ids.map((id) => [id, 'plec'])));
  });

  test('gives a request whose id is no id a new one', async () => {
    const service = await start();
    for (const given of ['x'.repeat(65), 'a b', 'rt1_/']) {
      const response = await fetch(`${service.url}/health/live`, { headers: { 'x-request-id': given } });
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('sends SIGTERM: requests in flight are answered, and the process ends with 0', async () => {
    const { service, log } = await spawn();
    const sessions = await Promise.all(Array.from({ length: 5 }, () => service.open()));
    // Locked rows keep the requests in flight until the signal has been sent: three wait in the database for their
    // rows, the others for those three.
    const other = await database.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM public.sessions FOR UPDATE');
    const inFlight = sessions.map(({ refreshToken }) => service.refresh(refreshToken));
    await waitUntil('three wait', async () => {
      const [row] = await database.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      return (row!['n'] as number) >= 3;
    });
    const ended = new Promise<unknown>((resolve) =>
      service.process!.once('exit', (code, signal) => resolve([code, signal])),
    );
    service.process!.kill('SIGTERM');
    await other.query('ROLLBACK');
    await other.end();
    expect((await Promise.all(inFlight)).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(await ended).toEqual([0, null]);
    const told = linesOf(log()).filter(({ signal }) => signal === 'SIGTERM');
    expect(told.map(({ msg }) => msg)).toEqual([
      'the service ends: what it has begun is answered first',
      'the service has ended',
    ]);
  });

  test.each([
    ['SIGTERM', 0],
    ['SIGUSR2', 1],
  ] as const)('sees a service end that gets %s while the log is not read any more', async (signal, code) => {
    const { service } = await spawn({ NODE_OPTIONS: CRASHES_AT_SIGUSR2, RATE_LIMIT_PER_ADDRESS: '0' });
    const ended = new Promise((resolve) => service.process!.once('exit', resolve));
    service.process!.stdout!.pause();
    // More lines than a pipe holds.
    for (let round = 0; round < 50; round++)
      await Promise.all(Array.from({ length: 50 }, () => service.refresh('malformed')));
    service.process!.kill(signal);
    expect(await ended).toBe(code);
  });

  test.each([
    ['pretty', /^\[\d\d:\d\d:\d\d\] INFO: request \{.*"status":401/m],
    ['auto', /^\{"level":"info","time":"[^"]+",.*"msg":"request"/m],
  ])('reads what LOG_FORMAT=%s writes', async (LOG_FORMAT, line) => {
    const { service, log } = await spawn({ LOG_FORMAT });
    await service.refresh('malformed');
    await waitUntil('a request is logged', () => log().includes('request'));
    expect(log()).toMatch(line);
  });

  test('limits requests of an address, and says when to come again', async () => {
    const service = await start({ RATE_LIMIT_PER_ADDRESS: '3' });
    const answers = [];
    for (let count = 0; count < 4; count++) answers.push(await service.refresh('nonsense'));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['2', '1', '0', '0']);
    expect(Number(answers[3]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answers[3]!.json()).toMatchObject({ code: 'RATE_LIMITED' });
  });

  test('counts a forwarded address only from a proxy that is trusted', async () => {
    const via = (service: TestService, address: string): Promise<Response> =>
      service.post('/auth/refresh', {}, { 'x-forwarded-for': address });
    const wary = await start({ RATE_LIMIT_PER_ADDRESS: '1' });
    expect([(await via(wary, '1.1.1.1')).status, (await via(wary, '2.2.2.2')).status]).toEqual([401, 429]);
    const trusting = await start({ RATE_LIMIT_PER_ADDRESS: '1', TRUST_PROXY: 'loopback' });
    expect([(await via(trusting, '1.1.1.1')).status, (await via(trusting, '2.2.2.2')).status]).toEqual([
      401, 401,
    ]);
    expect([
      (await via(trusting, '2001:db8::1')).status,
      (await via(trusting, '2001:db8::2')).status,
    ]).toEqual([401, 429]);
  });

  test('reads who called, however the proxy in front writes it, and is told of no failure', async () => {
    const { service, log } = await spawn({
      CONTRACTS: 'plec,watchr@/watchr,nest-auth,dynamosql,akinon,oauth',
      RATE_LIMIT_PER_ADDRESS: '6000',
      TRUST_PROXY: 'loopback',
    });
    const paths = ['/auth/refresh', '/watchr/auth/refresh', '/auth/refresh-token', '/v1/auth/refresh'];
    paths.push('/api/v1/auth/refresh-token', '/oauth/token');
    const addresses = {
      '192.0.2.1:5678': '192.0.2.1',
      '[2001:db8::1]:5678': '2001:db8::1',
      'fe80::1%eth0': 'fe80::1',
      '::ffff:192.0.2.1': '192.0.2.1',
      '198.51.100.1, 192.0.2.1, 127.0.0.1:8080': '192.0.2.1',
      ' , 192.0.2.1 ,, ': '192.0.2.1',
      unknown: '127.0.0.1',
      '192.0.2.1, _hidden': '127.0.0.1',
      '': '127.0.0.1',
      '%, [::1, 1.2.3': '127.0.0.1',
    };
    const failed = [];
    for (const header of Object.keys(addresses))
      for (const path of paths) {
        const { status } = await sendRaw(service.url, { path, headers: { 'x-forwarded-for': header } });
        if (status >= 500) failed.push([header, path, status]);
      }
    expect(failed).toEqual([]);
    await service.stop();
    const seen = requestLines(log()).map((line) => line['address']);
    expect(seen).toEqual(Object.values(addresses).flatMap((address) => paths.map(() => address)));
  });

  test.each([
    [{}, 'x-forwarded-for', 1],
    [{}, 'forwarded', 1],
    [{ TRUST_PROXY: '10.0.0.0/8' }, 'x-forwarded-for', 1],
    [{ TRUST_PROXY: 'loopback' }, 'x-forwarded-for', 0],
    [{ TRUST_PROXY: '1' }, 'x-forwarded-for', 0],
    [{}, 'x-real-thing', 0],
  ])(
    'whose settings are %j is warned of %s from who is not believed, %i times',
    async (settings, header, times) => {
      const { service, log } = await spawn(settings);
      for (let each = 0; each < 3; each++)
        await sendRaw(service.url, { path: '/auth/refresh', headers: { [header]: '192.0.2.1' } });
      await service.stop();
      const warnings = linesOf(log()).filter(({ msg }) =>
        String(msg).startsWith('X-Forwarded-For came from'),
      );
      expect(warnings).toHaveLength(times);
      for (const warning of warnings) expect(warning).toMatchObject({ level: 'warn', proxy: '127.0.0.1' });
    },
  );

  test('is warned, once a minute, of tokens whose key was dropped, and which it was', async () => {
    const { service, log } = await spawn();
    const { refreshToken } = await service.open();
    await service.stop();
    const later = await spawn({ REFRESH_TOKEN_KEYS: '7:another-refresh-token-key-of-at-least-32-chars' });
    for (let each = 0; each < 3; each++) expect((await later.service.refresh(refreshToken)).status).toBe(401);
    expect((await later.service.refresh('rt1_nonsense')).status).toBe(401);
    const counted = await (await later.service.api('GET', '/metrics')).text();
    await later.service.stop();
    const warnings = linesOf(later.log()).filter(({ kid }) => kid !== undefined);
    expect(warnings).toMatchObject([{ level: 'warn', kid: 1 }]);
    expect(counted).toMatch(/^ratchet_requests_total\{.*detail="unknown_kid".*\} 3$/m);
    expect(log()).not.toContain('"kid"');
  });

  test('limits refreshes of a session, and of no other', async () => {
    const service = await start({ RATE_LIMIT_PER_SESSION: '2' });
    const [busy, calm] = [await service.open(), await service.open()];
    const answers = [];
    for (let count = 0; count < 3; count++) answers.push(await service.refresh(busy.refreshToken));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(answers[2]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await service.refresh(calm.refreshToken)).status).toBe(200);
  });

  test('finds dead sessions gone a day later, and the others there', async () => {
    const service = await start();
    const [absolute, idle, live] = [
      await service.open({ lifetimes: { max: 60 } }),
      await service.open({ lifetimes: { idle: 60 } }),
      await service.open(),
    ];
    await database.advance(86_400_000);
    const cleanup = service.app!.nest.get(Cleanup);
    await cleanup.walk();
    expect((await service.api('GET', `/sessions/${idle.session.id}`)).status).toBe(200);
    // By then the next walk is due.
    await database.advance(16 * 60_000);
    await cleanup.walk();
    const found = [absolute, idle, live].map(
      async ({ session }) => (await service.api('GET', `/sessions/${session.id}`)).status,
    );
    expect(await Promise.all(found)).toEqual([404, 404, 200]);
  });

  test('counts how requests came out, for those who hold a service key', async () => {
    const service = await start();
    const { refreshToken } = await service.open();
    await service.refresh(refreshToken);
    await service.refresh('nonsense');
    const text = await (await service.api('GET', '/metrics')).text();
    expect(text).toContain(
      'ratchet_requests_total{contract="plec",outcome="rotate",reason="",detail="",dry_run="false"} 1',
    );
    expect(text).toContain(
      'ratchet_requests_total{contract="plec",outcome="refused",reason="malformed_token",detail="foreign_prefix",dry_run="false"} 1',
    );
  });

  test.each([
    ['uncaughtException', 'throw new Error("out of the blue")'],
    ['unhandledRejection', 'void Promise.reject(new Error("out of the blue"))'],
  ])('finds what nobody caught in the log: %s', async (origin, crash) => {
    const onSignal = encodeURIComponent(`process.on('SIGUSR2', () => { ${crash}; })`);
    const { service, log } = await spawn({ NODE_OPTIONS: `--import=data:text/javascript,${onSignal}` });
    const ended = new Promise((resolve) => service.process!.once('close', resolve));
    service.process!.kill('SIGUSR2');
    expect(await ended).toBe(1);
    const line = log()
      .split('\n')
      .find((each) => each.includes('"level":"fatal"'));
    const logged = JSON.parse(line!) as Record<string, string>;
    expect(logged).toMatchObject({ origin });
    expect(logged['error']).toMatch(/^Error: out of the blue\n +at /);
  });

  test('finds the service ended after what nobody caught, if nobody reads the log, too', async () => {
    const { service } = await spawn({ NODE_OPTIONS: CRASHES_AT_SIGUSR2 });
    const ended = new Promise((resolve) => service.process!.once('exit', resolve));
    service.process!.stdout!.destroy();
    service.process!.kill('SIGUSR2');
    expect(await ended).toBe(1);
  });

  test('sees a surprise as a 500 in the words of the contract, and its stack in the log alone', async () => {
    const broken = await TestDatabase.create();
    const { service, log } = await spawn({ DATABASE_URL: broken.url });
    const { refreshToken } = await service.open();
    await broken.query('DROP TABLE sessions');
    const response = await service.refresh(refreshToken);
    expect([response.status, await response.json()]).toEqual([
      500,
      { message: 'Something went wrong on our side', code: 'INTERNAL_ERROR' },
    ]);
    await service.stop();
    expect(log()).toContain('unexpected error');
    expect(log()).not.toContain(refreshToken);
    await broken.drop();
  });
});

test('a port that is taken is told in a line', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const directory = mkdtempSync(join(tmpdir(), 'ratchet-data-'));
  try {
    const settings = { DATA_DIR: directory, DATABASE_URL: '', HOST: '127.0.0.1', PORT: String(port) };
    const failure = spawnService({ ...settings, LOG_LEVEL: 'silent' });
    await expect(failure).rejects.toThrow(
      new Error(
        `the service ended with 1: The port is taken, perhaps by another Ratchet: stop that, or set PORT to another (HOST 127.0.0.1, PORT ${port})\n`,
      ),
    );
  } finally {
    taken.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

describe('a newcomer without a database', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ratchet-data-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const settings = { DATA_DIR: directory, DATABASE_URL: '', REFRESH_TOKEN_KEYS: '', SERVICE_KEYS: '' };

  test('finds sessions, keys and the service key again after a restart', async () => {
    let service = await spawnService(settings);
    const serviceKey = readFileSync(join(directory, 'service-key'), 'utf8').trim();
    expect(statSync(join(directory, 'service-key')).mode & 0o777).toBe(0o600);
    const opened = await fetch(`${service.url}/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${serviceKey}`, 'content-type': 'application/json' },
      body: '{"subject":"ada"}',
    });
    const { refreshToken } = (await opened.json()) as OpenedSession;
    const jwks = await (await fetch(`${service.url}/.well-known/jwks.json`)).text();
    await service.stop();

    service = await spawnService(settings);
    try {
      expect((await service.refresh(refreshToken)).status).toBe(200);
      expect(await (await fetch(`${service.url}/.well-known/jwks.json`)).text()).toBe(jwks);
      await expect(spawnService(settings)).rejects.toThrow(/in use by another Ratchet/);
    } finally {
      await service.stop();
    }
  });

  test('is told the URL that access tokens name, which is the one to ask for the keys', async () => {
    const port = await freePort();
    const unset = { ...settings, ISSUER: '', AUDIENCE: '', SERVICE_KEYS: SETTINGS['SERVICE_KEYS']! };
    const service = await spawnService({ ...unset, PORT: String(port) });
    try {
      const { accessToken } = await service.open();
      const url = `http://localhost:${port}`;
      expect(decodeJwt(accessToken)).toMatchObject({ iss: url, aud: url });
      expect((await fetch(`${url}/.well-known/jwks.json`)).status).toBe(200);
    } finally {
      await service.stop();
    }
  });
});
