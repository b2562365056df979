import pg from 'pg';
import { decide } from '../../src/core/rotation.ts';
import { Database } from '../../src/store/database/database.ts';
import { migrationList, schemaEngine } from '../../src/store/database/migrations.ts';
import { PrismaSessionStore } from '../../src/store/prisma/prisma-session-store.ts';
import { TestDatabase } from '../support/database.ts';
import { Model } from '../support/model.ts';
import { BATCH_SIZE } from './backends.ts';
import { EmptyDatabase } from './empty-database.ts';
import { ratchetWith } from './ratchet-with.ts';
import { insert } from './rows.ts';
import { runBuilt, type Ended } from './run-built.ts';

const SIBLINGS = '20261126000000_siblings';
const W = 10_000;
const RECOVERY = 300_000;
const IDLE = 600_000;

const IS_LIVE_BEFORE = `revoked_at IS NULL AND now() < expires_at AND now() < idle_expires_at AND NOT EXISTS (
  SELECT FROM bulk_revocations AS bulk WHERE bulk.key = ANY (ARRAY['subject:' || sessions.subject,
    CASE WHEN sessions.client_bound THEN 'client:' || sessions.client_id END])
    AND sessions.created_at <= bulk.before AND bulk."except" IS DISTINCT FROM sessions.id)`;

/** Word for word how the last release that knew no siblings turned rows. */
const TURN_BEFORE_SIBLINGS = `
  WITH due AS (
    SELECT sessions.id, at::int FROM sessions JOIN unnest(
      $1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[]
    ) WITH ORDINALITY AS asked(id, generation, grace, presenter, jkt, at) ON asked.id = sessions.id
    WHERE sessions.generation = asked.generation AND ${IS_LIVE_BEFORE}
      AND (rotated_at IS NULL OR grace = 0 OR now() > rotated_at + grace * interval '1 millisecond')
      AND client_bound = (presenter IS NOT NULL)
      AND (NOT client_bound OR client_id = presenter AND (dpop_jkt IS NULL OR dpop_jkt = jkt))
    FOR UPDATE OF sessions SKIP LOCKED)
  UPDATE sessions SET generation = generation + 1, rotated_at = now(),
    idle_expires_at = LEAST(expires_at, now() + idle_ttl * interval '1 second')
  FROM due WHERE sessions.id = due.id
  RETURNING at, sessions.id, generation`;

const FAST_FORWARD_BEFORE_SIBLINGS = `
  UPDATE sessions SET generation = $2::int, rotated_at = now(),
    idle_expires_at = LEAST(expires_at, now() + idle_ttl * interval '1 second')
  WHERE id = $1::uuid AND generation < $2::int AND ${IS_LIVE_BEFORE}
  RETURNING generation`;

/** Turns a row as a replica of that release; gives the successor, or undefined if it did not turn it. */
async function turnAsBefore(
  client: pg.Client,
  id: string,
  generation: number,
  grace = W,
): Promise<number | undefined> {
  const { rows } = await client.query<{ generation: number }>(TURN_BEFORE_SIBLINGS, [
    [id],
    [generation],
    [grace],
    [null],
    [null],
  ]);
  return rows[0]?.generation;
}

describe('a row that replicas of this release and of the one before turn by turns', () => {
  let server: TestDatabase;
  let database: Database;
  let store: PrismaSessionStore;
  let before: pg.Client;

  beforeAll(async () => {
    server = await TestDatabase.create();
    await server.freeze();
    database = await Database.open({ kind: 'postgresql', url: server.url });
    store = new PrismaSessionStore(database, BATCH_SIZE);
    before = new pg.Client({ connectionString: server.url });
    await before.connect();
  });

  afterAll(async () => {
    await before.end();
    await database.close();
    await server.drop();
  });

  const policy = { grace: W, recovery: RECOVERY, mode: 'rotate' } as const;

  /** What presenting each token that there is, and one that there is not, comes to. */
  async function expectAsIn(model: Model, id: string): Promise<void> {
    const found = await store.find(id);
    for (let token = 0; token <= model.newest + 1; token++) {
      const decision = decide(found, token, policy);
      const comesTo = 'generation' in decision ? decision.generation : decision.kind;
      const said = model.save().refresh(token);
      expect([token, comesTo]).toEqual([token, said === 'reused' ? 'reuse' : said]);
    }
  }

  test('says of every token what it would had this release turned it alone', async () => {
    const backend = {
      query: (sql: string, values: readonly unknown[] = []) => server.query(sql, [...values]),
    };
    const ratchet = ratchetWith(policy, store);
    const turned = { before: 0, recovered: 0, forwarded: 0 };
    for (let session = 0; session < 12; session++) {
      const id = await insert(backend, { idleTtl: IDLE / 1000, idleExpires: IDLE });
      const model = new Model({ grace: W, recovery: RECOVERY, idle: IDLE });
      for (let step = 0; step < 15; step++) {
        model.now += W + 1;
        await server.advance(W + 1);
        const roll = (session * 7 + step * step * 5 + step) % 10;
        const { newest } = model;
        if (roll < 4) {
          expect(await turnAsBefore(before, id, newest)).toBe(model.refresh(newest));
          turned.before++;
        } else if (roll < 5) {
          await before.query(FAST_FORWARD_BEFORE_SIBLINGS, [id, newest + 3]);
          expect(model.refresh(newest + 2)).toBe(newest + 3);
          turned.forwarded++;
        } else {
          // The parent again, or an older sibling, or the newest: whatever is good.
          const good = [...Array(newest + 1).keys()].filter(
            (token) => typeof model.save().refresh(token) === 'number',
          );
          const token = good[roll % good.length]!;
          const outcome = await ratchet.turn(
            { handle: Buffer.alloc(16), generation: token, sessionId: id },
            { mode: 'rotate' },
          );
          if (outcome.ok && outcome.value.turn.kind === 'recover') turned.recovered++;
          expect(outcome.ok && outcome.value.turn.generation).toBe(model.refresh(token));
        }
        await expectAsIn(model, id);
      }
    }
    for (const times of Object.values(turned)) expect(times).toBeGreaterThan(10);
  });
});

describe('sessions that are refreshed while their table is migrated', () => {
  test('go on, first by the release before, then by both, and nobody is refused', async () => {
    const empty = await EmptyDatabase.create();
    const database = await Database.open({ kind: 'postgresql', url: empty.url });
    const before = new pg.Client({ connectionString: empty.url });
    await before.connect();
    try {
      await migrateUpTo(database);
      const { rows: sessions } = await before.query<{ id: string; generation: number }>(`
        INSERT INTO sessions (id, subject, client_id, auth_time, created_at, expires_at, idle_expires_at, idle_ttl, access_token_ttl)
        SELECT gen_random_uuid(), 'ada', 'web', now(), now(), now() + '1 day', now() + '1 day', 86400, 900
        FROM generate_series(1, 200) RETURNING id, generation`);
      const held = new Map(sessions.map(({ id }) => [id, 0]));
      const turnAll = async (): Promise<void> => {
        for (const [id, token] of held) held.set(id, (await turnAsBefore(before, id, token, 0))!);
      };
      await turnAll();

      let ended: Ended | undefined;
      const migration = runBuilt(['dist/migrate.js'], { DATABASE_URL: empty.url });
      void migration.then((how) => (ended = how));
      let rounds = 0;
      for (; ended === undefined; rounds++) await turnAll();
      expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining(SIBLINGS) as string });
      expect(rounds).toBeGreaterThan(0);

      // A window that is over at once: what is presented again is late.
      const store = new PrismaSessionStore(database, BATCH_SIZE);
      const ratchet = ratchetWith({ grace: 1, recovery: RECOVERY }, store);
      const windowIsOver = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
      const turn = async (id: string, generation: number): Promise<number> => {
        const token = { handle: Buffer.alloc(16), generation, sessionId: id };
        const outcome = await ratchet.turn(token, { mode: 'rotate' });
        if (!outcome.ok) throw new Error(outcome.refusal.reason);
        return outcome.value.turn.generation;
      };
      for (let round = 0; round < 3; round++) {
        await turnAll();
        await Promise.all(
          [...held].map(async ([id, token]) => {
            // The first answer is lost, and the retry is late.
            await windowIsOver();
            await turn(id, token);
            await windowIsOver();
            held.set(id, await turn(id, token));
          }),
        );
      }
      const [row] = await empty.query<{ ended: number; least: number }>(
        'SELECT count(revoked_at)::int AS ended, min(generation)::int AS least FROM sessions',
      );
      expect(row).toEqual({ ended: 0, least: 1 + rounds + 3 * 3 });
    } finally {
      await before.end();
      await database.close();
      await empty.drop();
    }
  });

  /** Applies the migrations of the releases before. */
  async function migrateUpTo(database: Database): Promise<void> {
    const list = await migrationList();
    const older = list.migrationDirectories.filter(({ path }) => path < SIBLINGS);
    const engine = await schemaEngine(database.adapter);
    await engine.applyMigrations({
      migrationsList: { ...list, migrationDirectories: older },
      filters: { externalTables: [], externalEnums: [] },
    });
  }
});
