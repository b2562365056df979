import { makeTemplate, TestDatabase } from '../support/database.ts';
import { PostgresServer } from '../support/postgres.ts';
import { startService, type TestService } from '../support/service.ts';

describe('when the database is stopped', () => {
  let server: PostgresServer;
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
    await makeTemplate(server.url());
    database = await TestDatabase.create(server.url());
    service = await startService({ DATABASE_URL: database.url });
  });

  afterAll(async () => {
    await service.stop();
    await server.destroy();
  });

  test.each(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)(
    'by %s, a frontend is told to retry within two seconds, and its token is still good afterwards',
    async (signal) => {
      const { refreshToken } = await service.open();
      await server.stop(signal);
      const asked = performance.now();
      const response = await service.refresh(refreshToken);
      const waited = performance.now() - asked;
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toEqual({ message: expect.any(String) as string, code: 'UNAVAILABLE' });
      expect(waited).toBeLessThan(2_000);
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(503);
      expect((await fetch(`${service.url}/health/live`)).status).toBe(200);

      await server.resume();
      expect((await onceAvailable(() => service.refresh(refreshToken))).status).toBe(200);
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    },
  );

  test('and hangs instead of refusing, the answer comes within two seconds all the same', async () => {
    const { refreshToken, session } = await service.open();
    const release = await lockRow(session.id);
    const asked = performance.now();
    const response = await service.refresh(refreshToken);
    expect([response.status, performance.now() - asked < 2_000]).toEqual([503, true]);
    await release();
    expect((await service.refresh(refreshToken)).status).toBe(200);
  });

  test('logging out is not claimed to have happened', async () => {
    const { refreshToken } = await service.open();
    await server.stop();
    const response = await service.post('/auth/logout', { refreshToken });
    expect(response.status).toBe(503);
    expect(response.headers.get('set-cookie')).toBeNull();
    await server.resume();
    expect((await onceAvailable(() => service.post('/auth/logout', { refreshToken }))).status).toBe(204);
  });

  // Connections that died with the server are noticed when they are next used.
  async function onceAvailable(request: () => Promise<Response>): Promise<Response> {
    for (let tried = 0; ; tried++) {
      const response = await request();
      if (response.status !== 503 || tried === 20) return response;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async function lockRow(id: string): Promise<() => Promise<void>> {
    const other = await database.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM public.sessions WHERE id = $1 FOR UPDATE', [id]);
    return async () => {
      await other.query('ROLLBACK');
      await other.end();
    };
  }
});
