import { spawn, type ChildProcess } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { readRefreshToken } from '../../src/core/refresh-token.ts';
import { TestDatabase } from '../support/database.ts';
import { SETTINGS, type OpenedSession } from '../support/service.ts';
import { bodyOf, connections, dumpAll, form, json, report, send, type Answer, type Call } from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';

const TOKEN_KEY = `canary-${randomBytes(24).toString('base64url')}`;
const SERVICE_KEY = `canary-${randomBytes(24).toString('base64url')}`;

/** A text in the ways in which it may turn up: as it is, by halves, and each of these in base64 and hex. */
function guises(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret as string);
  const text = bytes.toString('latin1');
  const half = text.length >> 1;
  const parts = typeof secret === 'string' ? [text, text.slice(0, half), text.slice(half)] : [];
  const coded = [bytes, bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)].flatMap(
    (part) => {
      // Of base64 only what does not depend on what comes after.
      const whole = part.subarray(0, part.length - (part.length % 3));
      return [whole.toString('base64'), whole.toString('base64url'), part.toString('hex')];
    },
  );
  return [...parts, ...coded].filter((guise) => guise.length >= 10);
}

describe('whoever reads logs, metrics, errors and tables', () => {
  let database: TestDatabase;
  let child: ChildProcess;
  let url = '';
  let output = '';
  const secrets = new Map<string, string | Buffer>();
  const failures: string[] = [];
  let requests = 0;

  beforeAll(async () => {
    database = await TestDatabase.create();
    child = spawn(
      process.execPath,
      ['--import', './test/support/typescript.js', 'test/support/every-contract.main.ts'],
      {
        env: {
          PATH: process.env['PATH'],
          ...SETTINGS,
          DATABASE_URL: database.url,
          CONTRACTS: EVERY_CONTRACT,
          LOG_LEVEL: 'trace',
          REFRESH_TOKEN_KEYS: `1:${TOKEN_KEY}`,
          SERVICE_KEYS: `backend:${SERVICE_KEY}`,
          ALLOWED_ORIGINS: 'https://app.example.com',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    for (let waited = 0; !url && waited < 600; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      url = /Server listening at (http:\/\/[^"\s]+)/.exec(output)?.[1] ?? '';
    }
    secrets.set('REFRESH_TOKEN_KEYS', TOKEN_KEY);
    secrets.set('SERVICE_KEYS', SERVICE_KEY);
  });

  afterAll(async () => {
    connections.destroy();
    child.kill('SIGKILL');
    await database.drop();
  });

  const backend = { authorization: `Bearer ${SERVICE_KEY}` };
  /** Sends, and keeps what is said in an error for the search. */
  const call = async (request: Call): Promise<Answer> => {
    const answer = await send(url, request);
    requests++;
    if (answer.status >= 400) failures.push(JSON.stringify([answer.headers, answer.text]));
    else keepTokens(answer);
    return answer;
  };
  const keepTokens = ({ text, headers }: Answer): void => {
    const found = `${text} ${String(headers['set-cookie'] ?? '')}`.match(
      /rt1_[\w-]{34}\.[\w-]{43}|eyJ[\w-]+\.[\w-]+\.[\w-]{86}/g,
    );
    for (const token of found ?? []) keepToken(token);
  };
  const keepToken = (token: string): void => {
    secrets.set(`token ${secrets.size}`, token);
    if (!token.startsWith('rt1_')) {
      secrets.set(`signature ${secrets.size}`, token.split('.')[2]!);
      return;
    }
    secrets.set(`payload ${secrets.size}`, token.slice(4, 38));
    secrets.set(`MAC ${secrets.size}`, token.slice(39));
    const read = readRefreshToken(token, [{ kid: 1, secret: createSecretKey(TOKEN_KEY, 'utf8') }]);
    if (typeof read !== 'string') secrets.set(`handle ${secrets.size}`, Buffer.from(read.handle));
  };
  const open = async (more: object = {}): Promise<OpenedSession> =>
    bodyOf(await call(json('/sessions', { subject: 'ada', ...more }, backend))) as unknown as OpenedSession;

  interface Given {
    readonly opened: OpenedSession;
    readonly ofClient: OpenedSession;
    readonly basic: string;
    readonly clientId: string;
  }

  /** What frontends of all contracts send, and what they send by mistake, with these tokens. */
  function requestsWith({ opened, ofClient, basic, clientId }: Given): Call[] {
    const { refreshToken: token, accessToken } = opened;
    const cookie = (name: string): Record<string, string> => ({ cookie: `${name}=${token}` });
    const client = { authorization: basic };
    const grant = { grant_type: 'refresh_token', refresh_token: ofClient.refreshToken };
    return [
      json('/auth/refresh', { refreshToken: token }),
      { path: '/auth/refresh', headers: cookie('refresh_token') },
      { path: '/watchr/auth/refresh', headers: cookie('refresh_token') },
      json('/auth/refresh-token', { refreshToken: token }),
      {
        path: '/auth/refresh-token',
        headers: { ...cookie('refreshToken'), 'x-access-token-type': 'cookie' },
      },
      json('/v1/auth/refresh', { refreshToken: token }),
      json('/api/v1/auth/refresh-token', { refreshToken: token }, { 'x-access-token': accessToken }),
      form('/oauth/token', grant, client),
      form('/oauth/introspect', { token: ofClient.refreshToken }, client),
      form('/oauth/introspect', { token: accessToken }, client),
      form('/oauth/revoke', { token: accessToken }, client),
      form('/oauth/token', {
        ...grant,
        client_id: clientId,
        client_secret: Buffer.from(basic.slice(6), 'base64').toString(),
      }),
      form('/oauth/token', { ...grant, scope: token }, client),
      form('/oauth/token', { ...grant, client_id: token }),
      form('/oauth/token', { ...grant, client_assertion: accessToken, client_assertion_type: token }),
      form('/oauth/token', grant, { ...client, dpop: accessToken }),
      json('/sessions/inspect', { refreshToken: token }, backend),
      { method: 'GET', path: `/sessions/${token}`, headers: backend },
      { method: 'GET', path: `/sessions?subject=ada&cursor=${token}`, headers: backend },
      { method: 'GET', path: '/sessions?subject=ada', headers: { authorization: `Bearer ${token}` } },
      { method: 'GET', path: '/sessions?subject=ada', headers: { authorization: `Basic ${SERVICE_KEY}` } },
      json('/sessions', { subject: ['x', token], scope: `"${token}`, lifetimes: { idle: token } }, backend),
      json('/sessions', { subject: 'x', contract: token.slice(0, 30) }, backend),
      json('/auth/refresh', { refreshToken: [token] }),
      json('/auth/refresh', { refreshToken: `${token}x` }),
      json('/auth/refresh', { [token]: token }),
      json('/auth/refresh', { refreshToken: accessToken }),
      { ...json('/auth/refresh', {}), body: `{"refreshToken":"${token}"` },
      { ...json('/auth/refresh', {}), body: token },
      { ...json('/auth/refresh', { refreshToken: token }), headers: { 'content-type': 'text/plain' } },
      { ...json('/auth/refresh', {}), headers: { 'content-type': token }, body: token },
      json(`/auth/refresh?refreshToken=${token}&dryRun=${token}`, { refreshToken: token }),
      json('/auth/refresh?dryRun=true', { refreshToken: token }),
      json(`/auth/${token}`, {}),
      { method: 'GET', path: `/${token}?token=${token}` },
      { method: 'GET', path: `/%${token}` },
      { method: 'DELETE', path: `/auth/refresh?token=${token}`, headers: cookie('refresh_token') },
      { path: '/auth/refresh', headers: { cookie: `refresh_token=${token}; refresh_token=${token}` } },
      { path: '/auth/refresh', headers: { cookie: `refresh_token=j:{"a":"${token}"}` } },
      { path: '/auth/refresh', headers: { ...cookie('refresh_token'), origin: 'https://evil.example' } },
      {
        path: '/auth/refresh',
        headers: { 'x-request-id': `${token} `, referer: `https://x/?t=${token}`, 'user-agent': token },
      },
      { path: '/watchr/auth/refresh', headers: cookie('refresh_tokens') },
      json('/api/v1/auth/refresh-token', { refreshToken: token }, { authorization: `Digest ${token}` }),
      { path: '/auth/refresh', headers: { 'x-big': token.repeat(400) } },
      json('/auth/refresh', { refreshToken: token.repeat(300) }),
    ];
  }

  test('finds no token, no handle, no key and no cookie', async () => {
    const registered = bodyOf(await call(json('/clients', { id: 'canary' }, backend)));
    const secret = String(registered['secret']);
    secrets.set('client secret', secret);
    const { secret: newer } = bodyOf(await call(json('/clients/canary/secrets', {}, backend)));
    secrets.set('newer client secret', String(newer));
    const basic = `Basic ${Buffer.from(`canary:${secret}`).toString('base64')}`;
    secrets.set('client credentials', basic.slice(6));
    const given = async (): Promise<Given> => ({
      opened: await open(),
      ofClient: await open({ clientId: 'canary' }),
      basic,
      clientId: 'canary',
    });

    for (const request of requestsWith(await given())) await call(request);
    // Of a token that betrays its thief, and of sessions that were ended.
    const late = await given();
    const { refreshToken } = bodyOf(
      await call(json('/auth/refresh', { refreshToken: late.opened.refreshToken })),
    );
    await database.advance(10_001);
    await call(json('/auth/refresh', { refreshToken }));
    for (const request of requestsWith(late)) await call(request);
    await call(json('/auth/logout', { refreshToken: late.opened.refreshToken }));
    await call(form('/oauth/revoke', { token: late.ofClient.refreshToken }, { authorization: basic }));
    for (const request of requestsWith(late)) await call(request);
    await call({ method: 'DELETE', path: '/sessions?subject=ada', headers: backend });

    // A table that is gone is an error of ours, with a stack; one that is locked, and a server that is gone, are outages.
    const broken = await given();
    await database.query('ALTER TABLE public.sessions RENAME TO elsewhere');
    for (const request of requestsWith(broken)) await call(request);
    await database.query('ALTER TABLE public.elsewhere RENAME TO sessions');
    const holder = await database.connect();
    await holder.query('BEGIN; LOCK TABLE sessions, clients');
    await Promise.all(requestsWith(broken).map(call));
    await holder.query('ROLLBACK');
    await holder.end();
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await Promise.all(requestsWith(broken).map(call));

    const metrics = await call({ method: 'GET', path: '/metrics', headers: backend });
    expect(metrics.status).toBe(200);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
    const tables = await dumpAll(database, true);

    const places = { log: output, metrics: metrics.text, errors: failures.join('\n'), tables };
    expect(output.split('\n').length).toBeGreaterThan(requests / 2);
    expect(secrets.size).toBeGreaterThan(50);
    const found: string[] = [];
    for (const [name, value] of secrets)
      for (const guise of guises(value))
        for (const [place, text] of Object.entries(places))
          if (text.includes(guise)) found.push(`${name} in ${place}: ...${around(text, guise)}...`);
    expect(found).toEqual([]);
    const sizes = Object.entries(places).map(
      ([place, text]) => `${place} ${Math.round(text.length / 1024)} KB`,
    );
    report(
      'requests with canaries',
      requests,
      `none of ${secrets.size} secrets found in ${sizes.join(', ')}`,
    );
  });
});

function around(text: string, guise: string): string {
  const at = text.indexOf(guise);
  return text.slice(Math.max(0, at - 200), at + guise.length + 60);
}
