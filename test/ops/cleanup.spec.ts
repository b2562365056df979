import { Logger } from '@nestjs/common';
import { Unavailable } from '../../src/core/unavailable.ts';
import { MetricsRegistry } from '../../src/metrics/metrics-registry.ts';
import { CleanupMetrics } from '../../src/ops/cleanup-metrics.ts';
import { Cleanup } from '../../src/ops/cleanup.ts';
import { Database } from '../../src/store/database/database.ts';
import { PrismaBulkRevocations } from '../../src/store/prisma/prisma-bulk-revocations.ts';
import { PrismaLegacyTokens } from '../../src/store/prisma/prisma-legacy-tokens.ts';
import { PrismaSessionHistory } from '../../src/store/prisma/prisma-session-history.ts';
import { PrismaSessionRegistry } from '../../src/store/prisma/prisma-session-registry.ts';
import { PrismaRateCounts } from '../../src/store/prisma/prisma-rate-counts.ts';
import { PrismaUsedJtis } from '../../src/store/prisma/prisma-used-jtis.ts';
import { insert } from '../store/rows.ts';
import { useDatabase } from '../support/use-service.ts';
import { BY_SERVICE } from '../store/events.ts';

const CONFIG = { sessionRetention: 86_400, history: { retention: 0, callers: 'short' } } as const;
const DAY = 86_400_000;

describe('the clean-up', () => {
  const { database } = useDatabase();
  let connection: Database;
  let registry: PrismaSessionRegistry;
  let revocations: PrismaBulkRevocations;
  let usedJtis: PrismaUsedJtis;
  let rateCounts: PrismaRateCounts;
  let legacyTokens: PrismaLegacyTokens;
  let history: PrismaSessionHistory;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    connection = await Database.open({ kind: 'postgresql', url: database.url });
    revocations = new PrismaBulkRevocations(connection);
    registry = new PrismaSessionRegistry(connection, revocations, 64);
    usedJtis = new PrismaUsedJtis(connection);
    rateCounts = new PrismaRateCounts(connection);
    legacyTokens = new PrismaLegacyTokens(connection);
    history = new PrismaSessionHistory(connection);
  });

  afterAll(() => connection.close());

  /** The next walk is due, from the start. */
  const beginAnew = (): Promise<unknown> =>
    database.query(
      `UPDATE public.session_walk SET next_at = clock.now() - interval '1 second', place = NULL, live = 0, unused = 0, finished_at = NULL`,
    );
  /** The walk may go on. */
  const goOn = (): Promise<unknown> =>
    database.query(`UPDATE public.session_walk SET next_at = clock.now() - interval '1 second'`);

  /** Many sessions that are dead for a day, or live. */
  async function fill(many: number, deadFor = 2 * DAY): Promise<void> {
    await database.query('DELETE FROM public.sessions');
    await beginAnew();
    const id = await insert(database, { expires: -deadFor, idleExpires: -deadFor });
    await database.query(
      `INSERT INTO public.sessions SELECT r.* FROM public.sessions s, generate_series(2, $2::int) AS n,
         LATERAL jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'device', n)) AS r WHERE s.id = $1`,
      [id, many],
    );
  }

  /** Works as the real one until its verb is called for the `at`-th time, and then once as if the database were away. */
  function brokenOff<Port extends object>(port: Port, verb: keyof Port, at: number): Port {
    let count = 0;
    return new Proxy(port, {
      get(target, member) {
        const value = Reflect.get(target, member) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (member === verb && ++count === at) throw new Unavailable('database', 'for a test');
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  }

  test('of replicas that start together is not done together', async () => {
    let looks = 0;
    const counting = new Proxy(revocations, {
      get(target, member) {
        if (member === 'due') looks++;
        return Reflect.get(target, member) as unknown;
      },
    });
    const replicas = Array.from(
      { length: 100 },
      () => new Cleanup(registry, counting, usedJtis, rateCounts, legacyTokens, history, CONFIG),
    );
    for (const replica of replicas) replica.onApplicationBootstrap();
    // Each has half a minute, in which it once begins.
    while (looks === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const replica of replicas) replica.onApplicationShutdown();
    expect(looks).toBeLessThan(50);
  });

  test('counts those that live, also over a walk that was broken off', async () => {
    await fill(1_200, -DAY);
    await database.query(
      `UPDATE public.sessions SET idle_expires_at = now() - interval '2 days' WHERE id IN (SELECT id FROM public.sessions LIMIT 100)`,
    );
    await database.query(
      `UPDATE public.sessions SET revoked_at = now(), revoked_by = 'logout' WHERE id IN
         (SELECT id FROM public.sessions WHERE idle_expires_at > now() LIMIT 50)`,
    );
    const metrics = new MetricsRegistry();
    // Of live ones, of one that has come, and of dead ones.
    await database.query(`INSERT INTO public.legacy_tokens (lookup, session_id, used_at)
      SELECT decode(md5(id::text), 'hex'), id, CASE number WHEN 1 THEN now() END
      FROM (SELECT id, row_number() OVER (ORDER BY idle_expires_at > now() AND revoked_at IS NULL DESC, id) AS number
        FROM public.sessions) AS numbered WHERE number <= 8 OR number > 1195`);
    const values = async (): Promise<unknown[]> => {
      const each = ['ratchet_sessions_alive', 'ratchet_legacy_tokens_left'].map((name) =>
        metrics.getSingleMetric(name)!.get(),
      );
      return (await Promise.all(each)).flatMap((metric) => metric.values.map(({ value }) => value));
    };
    const broken = brokenOff(registry, 'sweep', 2);
    const cleanup = new Cleanup(
      broken,
      revocations,
      usedJtis,
      rateCounts,
      legacyTokens,
      history,
      CONFIG,
      new CleanupMetrics(metrics),
    );
    await expect(cleanup.walk()).rejects.toThrow(Unavailable);
    expect(await values()).toEqual([]);
    await goOn();
    await cleanup.walk();
    expect(await values()).toEqual([1_050, 7]);
    await goOn();
    await cleanup.walk();
    expect(await values()).toEqual([1_050, 7]);
  });

  test('goes on with its walk where it was broken off', async () => {
    await fill(1_200);
    const cleanup = new Cleanup(
      brokenOff(registry, 'sweep', 2),
      revocations,
      usedJtis,
      rateCounts,
      legacyTokens,
      history,
      CONFIG,
    );
    await expect(cleanup.walk()).rejects.toThrow(Unavailable);
    // What it has seen it does not see again before it has been round.
    const [seen] = await database.query<{ id: string }>('SELECT min(id::text) AS id FROM public.sessions');
    await database.query(
      `INSERT INTO public.sessions SELECT r.* FROM public.sessions s,
         LATERAL jsonb_populate_record(s, jsonb_build_object('id', '00000000-0000-0000-0000-000000000001')) AS r
       WHERE s.id::text = $1`,
      [seen!.id],
    );
    await goOn();
    // By another replica as well.
    const other = new Cleanup(registry, revocations, usedJtis, rateCounts, legacyTokens, history, CONFIG);
    expect(await other.walk()).toBe(700);
    expect(await cleanup.walk()).toBe(0);
    await goOn();
    expect(await cleanup.walk()).toBe(1);
  });

  test('goes on with the rows of an end where it was broken off, on another replica, too', async () => {
    await fill(52_500, -DAY);
    await database.query('ANALYZE public.sessions');
    await revocations.add('everybody', BY_SERVICE);
    const cleanup = new Cleanup(
      registry,
      brokenOff(revocations, 'mark', 52),
      usedJtis,
      rateCounts,
      legacyTokens,
      history,
      CONFIG,
    );
    await expect(cleanup.markRevoked()).rejects.toThrow(Unavailable);
    let pages = 0;
    const counting = new Proxy(revocations, {
      get(target, member) {
        if (member === 'mark') pages++;
        return Reflect.get(target, member) as unknown;
      },
    });
    expect(
      await new Cleanup(
        registry,
        counting,
        usedJtis,
        rateCounts,
        legacyTokens,
        history,
        CONFIG,
      ).markRevoked(),
    ).toBe(1_500);
    expect(pages).toBe(3);
    expect(await database.query('SELECT FROM public.sessions WHERE revoked_at IS NULL')).toEqual([]);
  });

  test('forgets used identifiers, all that are too old, and waits for none that another replica forgets', async () => {
    await database.query(
      `INSERT INTO public.used_jtis SELECT decode(md5(n::text), 'hex'),
         clock.now() + CASE WHEN n > 1200 THEN interval '1 hour' ELSE interval '-1 second' END
       FROM generate_series(1, 1203) AS n`,
    );
    const other = await database.connect();
    await other.query('BEGIN');
    await other.query(`SELECT FROM public.used_jtis WHERE id = decode(md5('7'), 'hex') FOR UPDATE`);
    const cleanup = new Cleanup(registry, revocations, usedJtis, rateCounts, legacyTokens, history, CONFIG);
    await cleanup.forgetUsedJtis();
    const left = async (): Promise<number> => (await database.query('SELECT FROM public.used_jtis')).length;
    expect(await left()).toBe(4);
    await other.query('ROLLBACK');
    await other.end();
    await cleanup.forgetUsedJtis();
    expect(await left()).toBe(3);
  });
});
