import { connect } from 'node:net';
import { sendRaw, type RawRequest } from '../support/raw-http.ts';
import { SERVICE_KEY } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { contracts, EVERY_CONTRACT, frontends } from '../contracts/every-contract.ts';

const APP = 'https://app.example.com';
const SECURITY = {
  'content-security-policy': expect.stringContaining("default-src '") as string,
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
};
const SAME_ORIGIN = { 'cross-origin-resource-policy': 'same-origin' };
const PUBLIC = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
const asBackend = { authorization: `Bearer ${SERVICE_KEY}` };
const json = { 'content-type': 'application/json' };
const preflight = { origin: APP, 'access-control-request-method': 'POST' };

describe('every answer', () => {
  const { service } = useService({ CONTRACTS: EVERY_CONTRACT, ALLOWED_ORIGINS: APP });

  /** The answer to bytes on a connection of their own. */
  function ask(bytes: string): Promise<{ status: number; headers: Record<string, string>; body: string }> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', reject).on('end', () => {
        socket.destroy();
        const [head = '', body = ''] = text.split('\r\n\r\n');
        const lines = head.split('\r\n').slice(1);
        const pairs = lines.map((line) => [
          line.split(':', 1)[0]!.toLowerCase(),
          line.slice(line.indexOf(':') + 1).trim(),
        ]);
        const headers = Object.fromEntries(pairs) as Record<string, string>;
        resolve({ status: Number(head.split(' ')[1]), headers, body });
      });
    });
  }

  const bytes = (first: string, ...headers: string[]): string =>
    [first, ...headers, 'Connection: close', '', ''].join('\r\n');

  const BROKEN: Record<string, [bytes: string, status: number]> = {
    'that is no HTTP': ['GARBAGE\r\n\r\n', 400],
    'with headers of 100 KB': [
      bytes('GET /auth/refresh HTTP/1.1', 'Host: a', `X: ${'x'.repeat(100_000)}`),
      431,
    ],
    'with two lengths': [
      bytes('POST /auth/refresh HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2'),
      400,
    ],
    'whose path is wrongly escaped': [bytes('GET /%E0%A4%A HTTP/1.1', 'Host: a'), 400],
    'with two hosts': [bytes('POST /auth/refresh HTTP/1.1', 'Host: a', 'HOST: b'), 400],
    'with one host twice': [bytes('GET /health/live HTTP/1.1', 'Host: a', 'Host: a'), 400],
    'without a host': [bytes('POST /auth/refresh HTTP/1.1'), 400],
    'of HTTP/1.0, without a host': [bytes('GET /health/live HTTP/1.0'), 200],
    'of a method that nobody knows': [bytes('BREW /auth/refresh HTTP/1.1', 'Host: a'), 400],
  };

  test.each(Object.keys(BROKEN))('to a request %s has the headers of all others', async (what) => {
    const [sent, status] = BROKEN[what]!;
    const answer = await ask(sent);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ ...SECURITY, ...SAME_ORIGIN, 'cache-control': 'no-store' });
    expect(answer.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
    if (status === 400 && sent.includes('/auth/refresh'))
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'BAD_REQUEST' });
  });

  const ASKED: [RawRequest, status: number][] = [
    [{ method: 'GET', path: '/health/live' }, 200],
    [{ method: 'HEAD', path: '/health/ready' }, 200],
    [{ method: 'GET', path: '/metrics' }, 401],
    [{ method: 'GET', path: '/docs' }, 200],
    [{ method: 'GET', path: '/docs/swagger-ui.css' }, 200],
    [{ method: 'GET', path: '/docs/nothing.css' }, 404],
    [{ method: 'GET', path: '/nothing' }, 404],
    [{ method: 'GET', path: `/clients/${'x'.repeat(300)}` }, 400],
    [{ method: 'GET', path: '/sessions?subject=ada' }, 401],
    [{ method: 'GET', path: '/sessions?subject=ada', headers: asBackend }, 200],
    [{ method: 'POST', path: '/sessions', headers: { ...asBackend, ...json }, body: '{' }, 400],
    [{ method: 'POST', path: '/clients' }, 401],
    [{ method: 'GET', path: '/auth/refresh' }, 405],
    [{ method: 'OPTIONS', path: '/auth/refresh', headers: preflight }, 204],
    [{ method: 'OPTIONS', path: '/auth/refresh' }, 405],
    [{ path: '/auth/refresh' }, 401],
    [{ path: '/auth/refresh', headers: { cookie: 'refresh_token=x', origin: 'https://evil.example' } }, 403],
    [{ path: '/auth/logout' }, 204],
    [{ path: '/watchr/auth/refresh' }, 422],
    [{ path: '/watchr/auth/refresh', headers: { cookie: 'refresh_token=x' } }, 401],
    [{ path: '/auth/refresh-token', headers: json, body: '{"refreshToken":"x"}' }, 401],
    [{ path: '/v1/auth/refresh', headers: json, body: '{"refreshToken":"x"}' }, 401],
    [{ path: '/api/v1/auth/refresh-token', headers: json, body: '{"refreshToken":"x"}' }, 401],
    [{ path: '/api/v1/auth/refresh-token', headers: json, body: `"${'x'.repeat(20_000)}"` }, 413],
    [{ path: '/oauth/token' }, 400],
    [{ path: '/oauth/introspect' }, 401],
    [{ path: '/oauth/token', headers: { 'content-type': 'text/plain' }, body: 'x' }, 400],
  ];

  test.each(ASKED)('%j', async ({ method = 'POST', path = '', headers = {}, body }, status) => {
    const answer = await fetch(service.url + path, { method, headers, ...(body !== undefined && { body }) });
    const got = Object.fromEntries(answer.headers);
    expect(answer.status).toBe(status);
    expect(got).toMatchObject({ ...SECURITY, ...SAME_ORIGIN });
    expect(got['x-request-id']).toMatch(/^[\w-]{36}$/);
    if (status === 401) expect(got['www-authenticate']).toMatch(/^(Bearer|Basic) realm="ratchet"/);
    if (status === 401 && !path.startsWith('/oauth')) expect(got['www-authenticate']).toMatch(/^Bearer /);
    if (status === 405) expect(got['allow']).toBe('POST');
  });

  test.each(['/.well-known/jwks.json', '/.well-known/oauth-authorization-server', '/docs/plec.json'])(
    '%s is for the pages of all, and for none with credentials',
    async (path) => {
      for (const origin of [APP, 'https://anyone.example']) {
        for (const method of ['GET', 'HEAD']) {
          const { status, headers } = await fetch(service.url + path, { method, headers: { origin } });
          expect([status, Object.fromEntries(headers)]).toMatchObject([200, { ...SECURITY, ...PUBLIC }]);
          expect(headers.get('access-control-allow-credentials')).toBeNull();
        }
      }
    },
  );

  describe.each(contracts.map(({ name }) => name))('%s', (name) => {
    const CODED: [what: string, header: string, value: string][] = [
      ['compressed', 'content-encoding', 'gzip'],
      ['coded twice', 'content-encoding', 'identity, br'],
      ['in Latin-1', 'charset', 'iso-8859-1'],
      ['in UTF-16', 'charset', '"utf-16"'],
    ];

    test.each(CODED)('reads no body that is %s', async (_what, header, value) => {
      const { [name]: frontend } = await frontends(service);
      const { refreshToken } = await service.open(frontend!.session);
      const asked = frontend!.ask(refreshToken);
      const type = asked.headers?.['content-type'] ?? 'application/json';
      const coded =
        header === 'charset' ? { 'content-type': `${type}; charset=${value}` } : { [header]: value };
      const body = asked.body ?? '{}';
      const answer = await sendRaw(service.url, { ...asked, body, headers: { ...asked.headers, ...coded } });
      expect(answer.status).toBe(name === 'oauth' ? 400 : 415);
      const said = header === 'charset' ? undefined : 'identity';
      expect(answer.headers['accept-encoding']).toBe(said);
      const plain = { 'content-type': `${type}; Charset="UTF-8"`, 'content-encoding': 'Identity' };
      const good = await sendRaw(service.url, { ...asked, body, headers: { ...asked.headers, ...plain } });
      expect([200, 201]).toContain(good.status);
    });
  });

  test.each([
    ['POST', '/nowhere', 404],
    ['POST', '/sessions/nowhere/else', 404],
    ['POST', '/oauth/introspection', 404],
    ['PUT', '/auth/refresh', 405],
    ['PUT', '/oauth/introspect', 405],
  ])('to %s %s says that it is not there, whatever the body', async (method, path, status) => {
    const bodies: [type: string, body: string][] = [
      ['application/json', '{"token":'],
      ['application/x-www-form-urlencoded', 'token=x'],
      ['text/plain', 'x'],
      ['application/json; charset=latin1', '{}'],
    ];
    const answers = await Promise.all(
      bodies.map(([type, body]) =>
        fetch(service.url + path, { method, headers: { 'content-type': type }, body }),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(bodies.map(() => status));
  });

  test('of an API of the service’s own is one that its document tells of', async () => {
    const { document } = service.app!.documents.find(({ name }) => name === 'sessions')!;
    const asked = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item as Record<string, { responses: Record<string, unknown> }>).map(
        ([method, { responses }]) => ({
          method: method.toUpperCase(),
          path,
          documented: Object.keys(responses),
        }),
      ),
    );
    const untold: string[] = [];
    for (const { method, path, documented } of asked) {
      const url =
        service.url + path.replace('{id}', 'nobody') + (method === 'DELETE' ? '?subject=nobody' : '');
      const send = (headers: Record<string, string>, body?: string): Promise<Response> =>
        fetch(url, { method, headers, ...(body !== undefined && { body }) });
      const answers = [await send({}), await send(asBackend)];
      if (method !== 'GET') {
        const headers = { ...asBackend, ...json };
        for (const body of ['{}', '{', `"${'x'.repeat(20_000)}"`]) answers.push(await send(headers, body));
        answers.push(await send({ ...asBackend, 'content-type': 'text/plain' }, 'x'));
        answers.push(await send({ ...headers, 'content-encoding': 'gzip' }, '{}'));
      }
      const statuses = new Set(answers.map(({ status }) => String(status)));
      for (const status of statuses)
        if (!documented.includes(status)) untold.push(`${method} ${path} ${status}`);
    }
    expect(asked.length).toBeGreaterThan(10);
    expect(untold).toEqual([]);
  });
});
