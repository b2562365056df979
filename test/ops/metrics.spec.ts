import { SERVICE_KEY } from '../support/service.ts';
import { useService } from '../support/use-service.ts';

/** A series as Prometheus reads it: its name and labels, and its value. */
type Series = Readonly<Record<string, number>>;

describe('an operator who reads the metrics', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,watchr@/watchr', BATCH_SIZE: '64' });
  const read = async (): Promise<Series> => {
    const answer = await fetch(`${service.url}/metrics`, {
      headers: { authorization: `Bearer ${SERVICE_KEY}` },
    });
    const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('ratchet_'));
    return Object.fromEntries(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice('ratchet_'.length, at), Number(line.slice(at))];
      }),
    );
  };
  /** What has come to the series, whose names have `which` in them, while `work` was done; nothing of those that stayed. */
  const seenWhile = async (which: RegExp, work: () => Promise<unknown>): Promise<Series> => {
    const before = await read();
    await work();
    const grown = Object.entries(await read())
      .map(([name, value]): [string, number] => [name, value - (before[name] ?? 0)])
      .filter(([name, value]) => which.test(name) && value !== 0);
    return Object.fromEntries(grown);
  };
  const endWindows = (id: string): Promise<unknown> =>
    database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour' WHERE id = $1`, [
      id,
    ]);
  const OF_PEOPLE = /^(refreshes|forced|sessions_(opened|ended))/;

  test('sees refreshes, and who was signed out without asking', async () => {
    const seen = await seenWhile(OF_PEOPLE, async () => {
      const { refreshToken: first, session } = await service.open();
      const second = ((await (await service.refresh(first)).json()) as { refreshToken: string }).refreshToken;
      await endWindows(session.id);
      await service.refresh(second);
      await endWindows(session.id);
      await service.refresh(first);
      await database.query('DELETE FROM public.sessions');
      await service.refresh(second);
    });
    expect(seen).toEqual({
      'refreshes_total{contract="plec"}': 2,
      'forced_logouts_total{contract="plec",reason="reused"}': 1,
      'forced_logouts_total{contract="plec",reason="unknown_session"}': 1,
      sessions_opened_total: 1,
      'sessions_ended_total{by="reuse"}': 1,
    });
  });

  test('sees how sessions ended, and takes neither for forced', async () => {
    const seen = await seenWhile(OF_PEOPLE, async () => {
      const [one, two, three] = [await service.open(), await service.open(), await service.open()];
      await service.post('/auth/logout', { refreshToken: one.refreshToken });
      await service.refresh(one.refreshToken);
      await service.api('DELETE', `/sessions/${two.session.id}`);
      await service.open({ replaces: three.session.id });
      await service.open({ subject: 'eve' });
      await service.api('DELETE', '/sessions?subject=eve');
      await service.refresh('garbage');
      await service.refresh('reused.def456', '?dryRun=true');
    });
    expect(seen).toEqual({
      sessions_opened_total: 5,
      'sessions_ended_total{by="logout"}': 1,
      'sessions_ended_total{by="service"}': 3,
    });
  });

  test('sees by which key tokens are, so that an old one can go', async () => {
    const { refreshToken } = await service.open();
    const seen = await seenWhile(/^refresh_tokens_read/, () => service.refresh(refreshToken));
    expect(seen).toEqual({ 'refresh_tokens_read_total{kid="1"}': 1 });
  });

  test('sees how many requests share a statement', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => service.open()));
    const seen = await seenWhile(/^statement_entries_(sum|count){queue="rotations"/, () =>
      Promise.all(opened.map(({ refreshToken }) => service.refresh(refreshToken))),
    );
    expect(seen['statement_entries_sum{queue="rotations"}']).toBe(20);
    expect(seen['statement_entries_count{queue="rotations"}']).toBeLessThan(20);
  });

  test('sees the connections, the age of the key, and how many sessions live', async () => {
    const now = Date.now() / 1_000;
    const seen = await read();
    const { used, idle, size } = Object.fromEntries(
      ['used', 'idle', 'size'].map((state) => [state, seen[`database_connections{state="${state}"}`]]),
    );
    expect(used! + idle!).toBeGreaterThan(0);
    expect(size).toBe(10);
    expect(seen['signing_key_activated_timestamp_seconds']).toBeLessThanOrEqual(now);
    expect(seen['signing_key_next_timestamp_seconds']).toBeGreaterThan(now + 29 * 86_400);
    expect(seen['build_info{version="0.1.0",node="' + process.versions.node + '"}']).toBe(1);
    // No clean-up has ended yet: a 0 would be a lie.
    expect(seen).not.toHaveProperty('sessions_alive');
  });

  test('sees what the database did not carry out, by its kind', async () => {
    await service.open({ subject: 'locked' });
    const seen = await seenWhile(/^database_errors/, async () => {
      await database.query('ALTER TABLE public.sessions RENAME COLUMN scope TO scope_');
      await service.api('GET', '/sessions?subject=locked');
      await database.query('ALTER TABLE public.sessions RENAME COLUMN scope_ TO scope');
    });
    expect(seen).toEqual({ 'database_errors_total{class="42"}': 1 });
  });
});
