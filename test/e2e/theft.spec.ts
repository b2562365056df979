import { TestDatabase } from '../support/database.ts';
import { startService, type OpenedSession, type TestService } from '../support/service.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('a session over the PLEC contract', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    service = await startService({ DATABASE_URL: database.url });
  });

  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** Refreshes; gives the successor, or why there is none. */
  async function refresh(token: string): Promise<string> {
    const answer = (await (await service.refresh(token)).json()) as Partial<OpenedSession> & {
      code?: string;
    };
    return answer.refreshToken ?? answer.code!;
  }

  test('goes on for an owner who asks again long after the answer was lost', async () => {
    const { refreshToken } = await service.open();
    const lost = await refresh(refreshToken);
    await database.advance(2 * DAY);
    const lostToo = await refresh(refreshToken);
    await database.advance(2 * DAY);
    const arrived = await refresh(refreshToken);
    expect(new Set([lost, lostToo, arrived].map((token) => token.slice(0, 4)))).toEqual(new Set(['rt1_']));
    expect(new Set([lost, lostToo, arrived]).size).toBe(3);
    await database.advance(HOUR);
    expect(await refresh(arrived)).toMatch(/^rt1_/);
  });

  test('goes on for an owner whose answers arrive in another order than they were given', async () => {
    const { refreshToken } = await service.open();
    const late = await refresh(refreshToken);
    await database.advance(HOUR);
    await refresh(refreshToken);
    await database.advance(HOUR);
    expect(await refresh(late)).toMatch(/^rt1_/);
  });

  test('is over for an owner who asks again when the recovery window is over', async () => {
    const { refreshToken } = await service.open();
    await refresh(refreshToken);
    await database.advance(3 * DAY + 1_000);
    expect(await refresh(refreshToken)).toBe('REUSED');
  });

  test('whose stolen token is used after its owner used the successor ends for both', async () => {
    const { refreshToken: stolen } = await service.open();
    const successor = await refresh(stolen);
    await database.advance(HOUR);
    const owners = await refresh(successor);
    await database.advance(HOUR);
    expect(await refresh(stolen)).toBe('REUSED');
    expect(await refresh(owners)).toBe('REVOKED');
  });

  test('whose token a thief uses first is the owner’s again at the second refresh', async () => {
    const { refreshToken: stolen } = await service.open();
    const thiefs = await refresh(stolen);
    await database.advance(HOUR);
    const owners = await refresh(stolen);
    await database.advance(HOUR);
    expect(await refresh(owners)).toMatch(/^rt1_/);
    await database.advance(HOUR);
    expect(await refresh(thiefs)).toBe('REUSED');
  });

  test('that may be idle for seconds does not expire while its pages ask for it all the time', async () => {
    const { refreshToken } = await service.open({ lifetimes: { idle: 5 } });
    const successor = await refresh(refreshToken);
    // One page has the successor, another one lost it.
    for (const token of [successor, refreshToken])
      for (let asked = 0; asked < 3; asked++) {
        await database.advance(1_500);
        expect(await refresh(token)).toBe(successor);
      }
  });
});
