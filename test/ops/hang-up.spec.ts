import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { spawnService } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { waitUntil } from '../support/wait-until.ts';

const DOORS: Readonly<Record<string, string>> = {
  '/auth/refresh': 'plec',
  '/watchr/auth/refresh': 'watchr',
  '/auth/refresh-token': 'nest-auth',
  '/v1/auth/refresh': 'dynamosql',
  '/api/v1/auth/refresh-token': 'akinon',
  '/oauth/token': 'oauth',
};

describe('a client that hangs up', () => {
  const { database, service } = useService(
    { CONTRACTS: 'plec,watchr@/watchr,nest-auth,dynamosql,akinon,oauth', RATE_LIMIT_PER_ADDRESS: '100000' },
    { by: spawnService },
  );
  let log = '';

  beforeAll(() => {
    for (const stream of [service.process!.stdout!, service.process!.stderr!])
      stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  });

  beforeEach(() => {
    log = '';
  });

  let sent = 0;
  const post = (path: string, body: string, length = body.length): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: raw-${++sent}\r\n` +
    `Content-Type: application/${path.startsWith('/oauth') ? 'x-www-form-urlencoded' : 'json'}\r\n` +
    `Content-Length: ${length}\r\n\r\n${body}`;
  const refreshing = (refreshToken: string): string =>
    post('/auth/refresh', JSON.stringify({ refreshToken }));

  async function send(text: string): Promise<Socket> {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    await new Promise((resolve) => socket.write(text, resolve));
    return socket;
  }

  /** The lines about requests that were sent raw, once there are so many. */
  async function lines(count: number): Promise<Record<string, unknown>[]> {
    let found: Record<string, unknown>[] = [];
    await waitUntil(`${count} lines`, () => {
      found = log
        .split('\n')
        .filter((line) => line.includes('"requestId":"raw-') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      return found.length >= count;
    });
    return found;
  }

  async function undelivered(contract: string): Promise<number> {
    const text = await (await service.api('GET', '/metrics')).text();
    return Number(
      new RegExp(`^ratchet_undelivered_total{contract="${contract}"} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
    );
  }

  function expectNoFailure(): void {
    expect(log).not.toContain('unexpected error');
    expect(log).not.toContain('"level":"error"');
    expect(log).not.toMatch(/"status":5\d\d/);
    expect(log).not.toContain('Warning');
  }

  test.each([
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['ends', (socket: Socket) => socket.destroy()],
    ['half closes', (socket: Socket) => socket.end()],
  ])('and %s its connection in the middle of a body has gone, at every contract', async (_how, hangUp) => {
    const before = await undelivered('oauth');
    for (const path of Object.keys(DOORS)) {
      const socket = await send(
        `GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n${post(path, '{"refreshToken":', 100)}`,
      );
      // An answer to the request before it says that it has been read as far as it came.
      await once(socket, 'data');
      hangUp(socket);
    }
    const found = await lines(6);
    expect(
      found.map(({ path, contract, status, outcome }) => [path, contract, status, outcome]).sort(),
    ).toEqual(
      Object.entries(DOORS)
        .map(([path, contract]) => [path, contract, 499, 'gone'])
        .sort(),
    );
    expect(await undelivered('oauth')).toBe(before + 1);
    expectNoFailure();
  });

  test.each([
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['ends', (socket: Socket) => socket.end()],
  ])(
    'and %s its connection before the answer is logged as gone, with what came of it',
    async (_how, hangUp) => {
      const opened = [await service.open(), await service.open(), await service.open()];
      const before = await undelivered('plec');
      // Locked rows keep the requests in flight until their clients have gone.
      const other = await database.connect();
      await other.query('BEGIN');
      await other.query('SELECT 1 FROM public.sessions FOR UPDATE');
      // Two on one connection: the second answer waits for the first.
      const sockets = [
        await send(refreshing(opened[0]!.refreshToken) + refreshing(opened[1]!.refreshToken)),
        await send(refreshing(opened[2]!.refreshToken)),
      ];
      await waitUntil('three wait', async () => {
        const [row] = await database.query(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        );
        return (row!['n'] as number) >= 3;
      });
      for (const socket of sockets) hangUp(socket);
      for (const socket of sockets) if (!socket.closed) await once(socket, 'close');
      // It has read what came before this.
      await fetch(`${service.url}/health/live`);
      await other.query('ROLLBACK');
      await other.end();
      const found = await lines(3);
      expect(
        found.map(({ sessionId, status, outcome, address }) => [sessionId, status, outcome, address]).sort(),
      ).toEqual(opened.map(({ session }) => [session.id, 499, 'rotate', '127.0.0.1']).sort());
      expect(await undelivered('plec')).toBe(before + 3);
      expectNoFailure();
    },
  );

  test('at once, hundreds of times, is no failure', async () => {
    for (let round = 0; round < 300; round++) {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(refreshing('nonsense'), () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    expect((await service.refresh('nonsense')).status).toBe(401);
    await lines(300);
    expectNoFailure();
  });

  test('only after it broke its chunks is told so once, in the words of the contract', async () => {
    const socket = await send(
      'POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nX-Request-Id: raw-broken\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    socket.write('zz\r\n');
    const answer = await textOf(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"success":false');
    expect(answer).toContain('"requestId":"raw-broken"');
    expect(await lines(1)).toMatchObject([
      {
        requestId: 'raw-broken',
        path: '/v1/auth/refresh',
        status: 400,
        contract: 'dynamosql',
        reason: 'invalid_request',
      },
    ]);
    expectNoFailure();
  });
});

/** All that comes until the connection ends. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}
