import { join } from 'node:path';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import { TestDatabase } from '../support/database.ts';
import { spawnService, type TestService } from '../support/service.ts';

const FIVE_MINUTES = 300_000;

describe('of two replicas, one is five minutes behind the database and one five minutes ahead', () => {
  let database: TestDatabase;
  let behind: TestService;
  let ahead: TestService;

  beforeAll(async () => {
    database = await TestDatabase.create();
    [behind, ahead] = await Promise.all([replica(-FIVE_MINUTES), replica(FIVE_MINUTES)]);
  });

  afterAll(async () => {
    await Promise.all([behind.stop(), ahead.stop()]);
    await database.drop();
  });

  const replica = (clockAhead: number): Promise<TestService> =>
    spawnService({
      DATABASE_URL: database.url,
      NODE_OPTIONS: `--import=${join(process.cwd(), 'test/faults/other-time.js')}`,
      CLOCK_AHEAD: String(clockAhead),
    });

  const replicas = (): [string, TestService][] => [
    ['behind', behind],
    ['ahead', ahead],
  ];

  async function databaseTime(): Promise<number> {
    const [row] = await database.query<{ at: number }>(
      'SELECT extract(epoch FROM clock.now())::float8 AS at',
    );
    return row!.at;
  }

  async function outcomes(token: string): Promise<Record<string, unknown>[]> {
    return Promise.all(
      replicas().map(async ([, service]) => {
        const response = await service.refresh(token);
        const { code } = (await response.json()) as { code?: string };
        return { status: response.status, code };
      }),
    );
  }

  test('and indeed they are: their logs are ten minutes apart', async () => {
    const times = await Promise.all(replicas().map(([, service]) => loggedTime(service)));
    const apart = times[1]! - times[0]!;
    expect(Math.abs(apart - 2 * FIVE_MINUTES)).toBeLessThan(30_000);
    console.log(`clocks: the replicas' own clocks are ${Math.round(apart / 1000)} s apart`);
  });

  test('neither refuses a session that is fresh, though by one’s clock it was over before it began', async () => {
    let refreshes = 0;
    for (const [, opener] of replicas()) {
      const { refreshToken, session } = await opener.open({ lifetimes: { idle: 60, max: 120 } });
      let token = refreshToken;
      for (let turn = 0; turn < 20; turn++) {
        const [, service] = replicas()[turn % 2]!;
        const response = await service.refresh(token);
        expect([session.subject, response.status]).toEqual(['ada', 200]);
        token = ((await response.json()) as { refreshToken: string }).refreshToken;
        refreshes++;
        // Beyond the grace window, so that each turn is one; and never as long as the session may live.
        if (turn % 4 === 3) await database.advance(11_000);
      }
    }
    console.log(
      `clocks: ${refreshes} refreshes of sessions that live two minutes, by turns: all answered 200`,
    );
  });

  test.each([
    ['idle', { idle: 60, max: 600 }],
    ['max', { idle: 600, max: 60 }],
  ])('neither accepts a session whose lifetime (%s) is over', async (which, lifetimes) => {
    for (const [name, opener] of replicas()) {
      const { refreshToken } = await opener.open({ lifetimes });
      await database.advance(55_000);
      expect(
        await Promise.all(
          replicas().map(([, service]) =>
            service.refresh(refreshToken, '?dryRun=true').then(({ status }) => status),
          ),
        ),
      ).toEqual([200, 200]);
      await database.advance(6_000);
      const refused = { status: 401, code: 'EXPIRED' };
      expect(await outcomes(refreshToken)).toEqual([refused, refused]);
      console.log(
        `clocks: opened by the one ${name}, over by ${which} after 60 s: good at 55 s, refused by both at 61 s`,
      );
    }
  });

  test('both date access tokens by the database’s clock, and sign them with keys that both publish', async () => {
    const sets = await Promise.all(
      replicas().map(async ([, { url }]) => {
        const response = await fetch(`${url}/.well-known/jwks.json`);
        return (await response.json()) as JSONWebKeySet;
      }),
    );
    expect(sets[0]).toEqual(sets[1]);
    let furthest = 0;
    for (const [, service] of replicas()) {
      const { refreshToken } = await service.open();
      for (const [, other] of replicas()) {
        const before = await databaseTime();
        const response = await other.refresh(refreshToken);
        const after = await databaseTime();
        const { accessToken } = (await response.json()) as { accessToken: string };
        const { iat, exp } = decodeJwt(accessToken) as { iat: number; exp: number };
        expect(iat).toBeGreaterThanOrEqual(Math.floor(before));
        expect(iat).toBeLessThanOrEqual(after);
        expect(exp - iat).toBe(900);
        furthest = Math.max(furthest, Math.abs(iat - Math.floor(before)));
        for (const set of sets) {
          await jwtVerify(accessToken, createLocalJWKSet(set), { currentDate: new Date(after * 1000) });
        }
      }
    }
    console.log(
      `clocks: iat within ${furthest} s of the database's clock on both, exp 900 s later; one key set`,
    );
  });

  test('a superseded token is recovered after the grace window, and theft once that was used, wherever', async () => {
    for (const [name, service] of replicas()) {
      const { refreshToken } = await service.open();
      expect((await service.refresh(refreshToken)).status).toBe(200);
      await database.advance(9_000);
      expect((await outcomes(refreshToken)).map(({ status }) => status)).toEqual([200, 200]);
      await database.advance(2_000);
      const other = service === ahead ? behind : ahead;
      const recovered = await other.refresh(refreshToken);
      expect(recovered.status).toBe(200);
      await database.advance(11_000);
      const sibling = ((await recovered.json()) as { refreshToken: string }).refreshToken;
      expect((await service.refresh(sibling)).status).toBe(200);
      const late = await other.refresh(refreshToken);
      expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([401, 'REUSED']);
      console.log(
        `clocks: rotated by the one ${name}: retried by both at 9 s, recovered by the other at 11 s`,
      );
    }
  });

  test('a signing key that is due is made once and signs from its time on, at both', async () => {
    // The default period is 30 days, and the key is made a day ahead.
    await database.advance(29.5 * 86_400_000);
    await Promise.all([behind.stop(), ahead.stop()]);
    [behind, ahead] = await Promise.all([replica(-FIVE_MINUTES), replica(FIVE_MINUTES)]);
    const keys = await database.query<{ kid: string; due: Date }>(
      'SELECT kid, activates_at AS due FROM public.signing_keys ORDER BY ordinal',
    );
    expect(keys).toHaveLength(2);
    const kidsNow = async (): Promise<unknown[]> =>
      Promise.all(replicas().map(async ([, service]) => kidOf((await service.open()).accessToken)));
    const left = keys[1]!.due.getTime() - (await databaseTime()) * 1000;
    await database.advance(left - 60_000);
    expect(await kidsNow()).toEqual([keys[0]!.kid, keys[0]!.kid]);
    await database.advance(61_000);
    expect(await kidsNow()).toEqual([keys[1]!.kid, keys[1]!.kid]);
    console.log(
      'clocks: both signed with the old key a minute before the new one was due, with the new one after',
    );
  });
});

/** When a replica says that it answered a request. */
function loggedTime(service: TestService): Promise<number> {
  return new Promise((resolve) => {
    service.process!.stdout!.on('data', (chunk: Buffer) => {
      const line = /\{[^\n]*"msg":"request"[^\n]*\}/.exec(chunk.toString())?.[0];
      if (line) resolve(new Date((JSON.parse(line) as { time: number | string }).time).getTime());
    });
    void fetch(`${service.url}/.well-known/jwks.json`);
  });
}

function kidOf(token: string): unknown {
  return (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: unknown }).kid;
}
