import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { freePort } from '../support/postgres.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';
import { waitUntil } from '../support/wait-until.ts';

const HEAD =
  'POST /v1/auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n';
/** What a client may have sent of a request when it falls silent. */
const HALVES: Readonly<Record<string, string>> = {
  nothing: '',
  'half a request line': 'POST /v1/au',
  'half the headers': HEAD,
  'half a body': `${HEAD}X-Request-Id: half-a-body\r\n\r\n{"refreshToken":`,
  'half a request after a whole one': `GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n${HEAD}`,
};

describe('clients that do not get on', () => {
  const { start } = useDatabase();
  let service: TestService | undefined;
  let sockets: Socket[] = [];

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    service?.process!.kill('SIGKILL');
  });

  async function spawn(settings: Record<string, string> = {}): Promise<TestService> {
    return (service = await start({ CONTRACTS: 'plec,dynamosql', ...settings }, spawnService));
  }

  /** Connections that have fallen silent, each after another half, and have been read so far. */
  async function openAll({ url }: TestService): Promise<Socket[]> {
    sockets = await Promise.all(
      Object.values(HALVES).map(async (half) => {
        // Never ends the connection itself, not even when the service does.
        const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        if (half !== '') await new Promise((resolve) => socket.write(half, resolve));
        return socket;
      }),
    );
    await fetch(`${url}/health/live`);
    return sockets;
  }

  test('are told after ten seconds, in the words of the path if they got that far, and their connections end', async () => {
    const { url, process } = await spawn();
    let log = '';
    process!.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const began = performance.now();
    const took: number[] = [];
    const answers = await Promise.all(
      (await openAll({ url } as TestService)).map(async (socket, which) => {
        let text = '';
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
        await once(socket, 'end');
        took[which] = performance.now() - began;
        return text;
      }),
    );
    const [nothing, line, headers, body, second] = answers;
    expect(nothing).toBe('');
    for (const own of [line, headers, second])
      expect(own).toMatch(/HTTP\/1\.1 408 Request Timeout\r\n[^]*"code":"REQUEST_TIMEOUT"/);
    expect(body).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n[^]*"success":false[^]*"code":"REQUEST_TIMEOUT"/,
    );
    console.log(`fell silent: ended after ${took.map((ms) => (ms / 1_000).toFixed(1)).join(', ')} s`);
    for (const [which, ms] of took.entries()) {
      const limit = which === 3 ? 30_000 : 10_000;
      expect(ms).toBeGreaterThan(limit - 100);
      expect(ms).toBeLessThan(limit + 5_000);
    }
    // Those who never close their side are not kept.
    await waitUntil('none is kept', () => {
      for (const socket of sockets) socket.write('x');
      return sockets.every(({ destroyed }) => destroyed);
    });
    const lines = log.split('\n').filter((each) => each.includes('"status":408'));
    expect(lines).toHaveLength(4);
    expect(lines.filter((each) => each.includes('"requestId":"half-a-body"'))).toHaveLength(1);
    expect(log).not.toMatch(/"level":"(warn|error)"/);
  });

  test.each([
    ['in production', { NODE_ENV: 'production', HOST: '127.0.0.1' }, 3_000],
    ['elsewhere', {}, 0],
  ])(
    'do not keep the service from ending with 0 %s, nor does a second signal',
    async (_where, settings, drain) => {
      const running = await spawn({ ...settings, PORT: String(await freePort()) });
      await openAll(running);
      const told = performance.now();
      const exit = once(running.process!, 'exit');
      running.process!.kill('SIGTERM');
      running.process!.kill('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      running.process!.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
      const took = performance.now() - told;
      console.log(
        `SIGTERM with ${sockets.length} silent clients: ended with 0 after ${(took / 1_000).toFixed(1)} s`,
      );
      expect(took).toBeLessThan(drain + 5_000 + 3_000);
    },
  );
});
