import { TestDatabase } from '../../support/database.ts';
import { startService, type OpenedSession, type TestService } from '../../support/service.ts';

const DAY = 86_400_000;

interface Row {
  generation: number;
  idle: Date;
  revoked_by: string | null;
}

describe('a refresh token that is touched', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    await database.freeze();
    service = await startService({ DATABASE_URL: database.url, CONTRACTS: 'dynamosql,plec' });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** Refreshes over DynamoSQL; gives the status, and the code if there is one. */
  async function touch(refreshToken: string): Promise<[status: number, code?: string]> {
    const response = await service.post('/v1/auth/refresh', { refreshToken });
    const { error } = (await response.json()) as { error?: { code: string } };
    return error ? [response.status, error.code] : [response.status];
  }

  /** Refreshes over PLEC; gives the successor. */
  async function rotate(refreshToken: string): Promise<string> {
    return ((await (await service.refresh(refreshToken)).json()) as OpenedSession).refreshToken;
  }

  async function rowOf({ session }: OpenedSession): Promise<Row> {
    const sql = 'SELECT generation, idle_expires_at AS idle, revoked_by FROM sessions WHERE id = $1';
    return (await database.query<Row & Record<string, unknown>>(sql, [session.id]))[0]!;
  }

  test('stays of its generation, and its idle deadline moves', async () => {
    const opened = await service.open();
    const before = await rowOf(opened);
    await database.advance(DAY);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    const after = await rowOf(opened);
    expect(after.generation).toBe(before.generation);
    expect(after.idle.getTime() - before.idle.getTime()).toBe(DAY);
  });

  test('again within a minute is written once', async () => {
    const opened = await service.open();
    const unchanged = await database.dump();
    await database.advance(60_000);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect(await database.dump()).toBe(unchanged);
    await database.advance(1);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect(await database.dump()).not.toBe(unchanged);
    const { idle } = await rowOf(opened);
    await database.advance(59_999);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect((await rowOf(opened)).idle).toEqual(idle);
  });

  test('all year round works until the last day, and not on it', async () => {
    const opened = await service.open({ lifetimes: { idle: (14 * DAY) / 1000, max: (365 * DAY) / 1000 } });
    for (let day = 13; day < 365; day += 13) {
      await database.advance(13 * DAY);
      expect([day, ...(await touch(opened.refreshToken))]).toEqual([day, 200]);
    }
    // In its last second it has no access token to give that lives for a second.
    await database.advance(DAY - 1_000);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect((await rowOf(opened)).generation).toBe(0);
    await database.advance(1_000);
    expect(await touch(opened.refreshToken)).toEqual([401, 'EXPIRED']);
  });

  test('and then left alone for as long as the session may be idle is expired', async () => {
    const opened = await service.open({ lifetimes: { idle: 3_600 } });
    await database.advance(3_599_999);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    await database.advance(3_600_000);
    expect(await touch(opened.refreshToken)).toEqual([401, 'EXPIRED']);
  });

  test('after a page has rotated it is still good inside the window, and rotates nothing', async () => {
    const opened = await service.open();
    const successor = await rotate(opened.refreshToken);
    await database.advance(10_000);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect(await touch(successor)).toEqual([200]);
    expect(await rowOf(opened)).toMatchObject({ generation: 1, revoked_by: null });
  });

  test('after the window it is good as long as the page has not used what it was given', async () => {
    const opened = await service.open();
    await rotate(opened.refreshToken);
    await database.advance(10_001);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    expect(await rowOf(opened)).toMatchObject({ generation: 2, revoked_by: null });
  });

  test('after the window, once what the page was given was touched, it ends the session', async () => {
    const opened = await service.open();
    const successor = await rotate(opened.refreshToken);
    expect(await touch(successor)).toEqual([200]);
    await database.advance(9_999);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    await database.advance(2);
    expect(await touch(opened.refreshToken)).toEqual([401, 'REUSED']);
  });

  test('after that it ends the session for both', async () => {
    const opened = await service.open();
    const successor = await rotate(opened.refreshToken);
    await database.advance(10_001);
    const newest = await rotate(successor);
    expect(await touch(opened.refreshToken)).toEqual([401, 'REUSED']);
    expect(await rowOf(opened)).toMatchObject({ generation: 2, revoked_by: 'reuse' });
    expect(await touch(newest)).toEqual([401, 'REVOKED']);
    expect((await service.refresh(newest)).status).toBe(401);
  });

  test('lets a page rotate it as if it had not been touched', async () => {
    const opened = await service.open();
    await database.advance(DAY);
    expect(await touch(opened.refreshToken)).toEqual([200]);
    const successor = await rotate(opened.refreshToken);
    expect((await rowOf(opened)).generation).toBe(1);
    await database.advance(10_001);
    expect(await touch(successor)).toEqual([200]);
    expect((await rowOf(opened)).generation).toBe(1);
  });

  test('that a restored database does not know yet is caught up with, and stays the same', async () => {
    const opened = await service.open();
    const successor = await rotate(opened.refreshToken);
    await database.query('UPDATE sessions SET generation = 0, rotated_at = NULL WHERE id = $1', [
      opened.session.id,
    ]);
    expect(await touch(successor)).toEqual([200]);
    expect((await rowOf(opened)).generation).toBe(1);
    expect(await touch(successor)).toEqual([200]);
  });

  test('where every refresh of a page rotates, is none of these', async () => {
    const strict = await startService({
      DATABASE_URL: database.url,
      CONTRACTS: 'dynamosql',
      ROTATION_GRACE: '0',
    });
    try {
      const { refreshToken } = await strict.open();
      const touches = [1, 2, 3].map(() => strict.post('/v1/auth/refresh', { refreshToken }));
      expect((await Promise.all(touches)).map(({ status }) => status)).toEqual([200, 200, 200]);
    } finally {
      await strict.stop();
    }
  });
});
