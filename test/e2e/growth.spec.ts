import type { OpenedSession } from '../support/service.ts';
import { useService } from '../support/use-service.ts';

const SESSIONS = 20;
const ROTATIONS = 50;

describe('refreshing', () => {
  const { database, service } = useService({ ROTATION_GRACE: '0' });

  test('adds no row and hardly ever updates an index', async () => {
    let tokens = await Promise.all(
      Array.from({ length: SESSIONS }, async () => (await service.open()).refreshToken),
    );
    for (let turn = 0; turn < ROTATIONS; turn++) {
      tokens = await Promise.all(
        tokens.map(
          async (token) => ((await (await service.refresh(token)).json()) as OpenedSession).refreshToken,
        ),
      );
    }
    const [rows] = await database.query(
      'SELECT count(*)::int AS count, min(generation) AS least, max(generation) AS most FROM sessions',
    );
    expect(rows).toEqual({ count: SESSIONS, least: ROTATIONS, most: ROTATIONS });
    await service.stop();
    const updates = await updatesOnceCounted();
    expect(updates.all).toBe(SESSIONS * ROTATIONS);
    // These sessions share one page, and one statement turns them all: the first time there is not room for two of each.
    expect(updates.hot / updates.all).toBeGreaterThanOrEqual(0.99);
  });

  // PostgreSQL's backends report what they did at the latest when their connection is closed.
  async function updatesOnceCounted(): Promise<{ all: number; hot: number }> {
    for (let tried = 0; ; tried++) {
      const [stats] = await database.query<{ all: number; hot: number }>(
        `SELECT n_tup_upd::int AS "all", n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
      );
      if (stats!.all >= SESSIONS * ROTATIONS || tried === 300) return stats!;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
});
