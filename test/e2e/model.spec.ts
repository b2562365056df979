import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { TestDatabase } from '../support/database.ts';
import { Model, restore, type Said } from '../support/model.ts';
import { startService, type TestService } from '../support/service.ts';

const SEED = Number(process.env['MODEL_SEED'] ?? randomInt(2 ** 31));
const RUNS = Number(process.env['MODEL_RUNS'] ?? 110);
const STEPS = 100;
const GRACE = 10_000;
const RECOVERY = 300_000;
const IDLE = 600_000;
const CODES: Record<Exclude<Said, number>, string> = {
  expired: 'EXPIRED',
  revoked: 'REVOKED',
  reused: 'REUSED',
};

/** What a run works on: the model, the real session, and every token that was ever handed out, by generation. */
interface World {
  model: Model;
  /** The model after each refresh. */
  past: Model[];
  id: string;
  tokens: string[];
  /** The token that the frontend holds: it lags behind when answers are lost. */
  held: number;
  refusals: number;
}

describe('whatever refreshes, retries, thefts, revocations, restores and pauses come in whatever order', () => {
  let database: TestDatabase;
  let service: TestService;
  let steps = 0;
  const outcomes: Record<string, number> = {};

  beforeAll(async () => {
    database = await TestDatabase.create();
    await database.freeze();
    service = await startService({ DATABASE_URL: database.url, RECOVERY_WINDOW: '5m' });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  async function newWorld(): Promise<World> {
    const { session, refreshToken } = await service.open({ lifetimes: { idle: IDLE / 1000 } });
    const model = new Model({ grace: GRACE, recovery: RECOVERY, idle: IDLE });
    return { model, past: [], id: session.id, tokens: [refreshToken], held: 0, refusals: 0 };
  }

  async function present(world: World, generation: number, replyLost: boolean): Promise<void> {
    world.past.push(world.model.save());
    const expected = world.model.refresh(generation);
    const response = await service.refresh(world.tokens[generation]!);
    const answer = (await response.json()) as { refreshToken?: string; code?: string };
    steps += 1;
    const outcome = typeof expected === 'number' ? 'refreshed' : expected;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (typeof expected !== 'number') {
      world.refusals += 1;
      expect([response.status, answer.code]).toEqual([401, CODES[expected]]);
      return;
    }
    expect(response.status).toBe(200);
    // The same generation is always the same token.
    world.tokens[expected] ??= answer.refreshToken!;
    expect(answer.refreshToken).toBe(world.tokens[expected]);
    if (!replyLost) world.held = expected;
  }

  type Step = (world: World) => Promise<void>;
  const step = (label: string, run: Step): { label: string; run: Step } => ({ label, run });

  const anyStep = fc.oneof(
    { weight: 8, arbitrary: fc.constant(step('refresh', (world) => present(world, world.held, false))) },
    {
      weight: 3,
      arbitrary: fc.constant(step('refresh, the reply is lost', (world) => present(world, world.held, true))),
    },
    {
      weight: 2,
      arbitrary: fc
        .nat({ max: 50 })
        .map((back) =>
          step(`present a token of ${back} generations ago`, (world) =>
            present(world, Math.max(0, world.tokens.length - 1 - back), false),
          ),
        ),
    },
    {
      weight: 5,
      arbitrary: fc
        .constantFrom(
          1,
          5_000,
          GRACE - 1,
          GRACE,
          GRACE + 1,
          3 * GRACE,
          RECOVERY,
          RECOVERY + 1,
          IDLE - 1,
          IDLE,
        )
        .map((milliseconds) =>
          step(`${milliseconds} ms pass`, async ({ model }) => {
            model.now += milliseconds;
            await database.advance(milliseconds);
          }),
        ),
    },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 3 }).map((lost) =>
        step(`the database loses ${lost} commits`, async (world) => {
          const before = world.past.at(-lost);
          if (world.model.revoked || !before) return;
          world.model = Object.assign(before.save(), { now: world.model.now });
          await restore(database, world.id, world.model);
        }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constant(
        step('revoke', async (world) => {
          world.model.revoked = true;
          expect((await service.api('DELETE', `/sessions/${world.id}`)).status).toBe(204);
        }),
      ),
    },
  );

  test(`the service agrees with the model (seed ${SEED}; set MODEL_SEED to repeat)`, async () => {
    const runs = fc.asyncProperty(fc.array(anyStep, { minLength: STEPS, maxLength: STEPS }), async (plan) => {
      let world = await newWorld();
      for (const { run } of plan) {
        await run(world);
        if (world.refusals > 2) world = await newWorld();
      }
    });
    await fc.assert(runs, { seed: SEED, numRuns: RUNS });
    process.stdout.write(
      `model: seed ${SEED}, ${RUNS * STEPS} steps, ${steps} refreshes: ${JSON.stringify(outcomes)}\n`,
    );
  }, 300_000);
});
