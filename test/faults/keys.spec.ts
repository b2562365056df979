import { once } from 'node:events';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { TestDatabase } from '../support/database.ts';
import { spawnService, type TestService } from '../support/service.ts';
import { Load, openSessions } from './load.ts';

const SESSIONS = 200;
const [OLD, NEW] = [1, 2].map((kid) => `${kid}:refresh-token-key-${kid}-of-at-least-32-characters`) as [
  string,
  string,
];
/** How much faster than the tests' own time the time of the signing keys passes. */
const TIME_LAPSE = 150;
/** What the JWKS allows a reader to keep it, in milliseconds (its `max-age`). */
const MAX_AGE = 300_000;

describe('while 200 sessions refresh at two replicas', () => {
  let database: TestDatabase;
  let load: Load | undefined;
  let replicas: TestService[] = [];

  beforeEach(async () => {
    database = await TestDatabase.create();
  });

  afterEach(async () => {
    await load?.stop();
    await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
    await database.drop();
  });

  const start = (settings: Record<string, string>): Promise<TestService> =>
    spawnService({ DATABASE_URL: database.url, ...settings });
  const urls = (): string[] => replicas.map(({ url }) => url);

  async function databaseTime(): Promise<number> {
    const [row] = await database.query<{ at: number }>(
      'SELECT extract(epoch FROM clock.now())::float8 * 1000 AS at',
    );
    return row!.at;
  }

  test('the refresh token key is replaced, and nobody is logged out', async () => {
    const settings = { ROTATION_GRACE: '1s' };
    const withKeys = (...keys: string[]): Record<string, string> => ({
      ...settings,
      REFRESH_TOKEN_KEYS: keys.join(','),
    });
    replicas = [await start(withKeys(OLD)), await start(withKeys(OLD))];
    load = Load.start(urls, await openSessions(replicas[0]!, SESSIONS));
    await load.waitForProgress();

    // As docs/operators.md has it: first all can read the new key, then all use it, then none knows the old one.
    for (const keys of [[OLD, NEW], [NEW, OLD], [NEW]]) {
      for (const old of replicas.slice()) {
        const next = await start(withKeys(...keys));
        replicas = [...replicas.filter((each) => each !== old), next];
        const exit = once(old.process!, 'exit');
        old.process!.kill('SIGTERM');
        expect(await exit).toEqual([0, null]);
      }
      // Until each has a token of the key that is now the first.
      const [kid] = keys[0]!.split(':').map(Number);
      while (load.tokens.some((token) => kidOf(token) !== kid)) {
        await load.sleep((milliseconds) => database.advance(milliseconds));
        await load.waitForProgress();
      }
    }
    const signing = await database.query<{ sealedBy: number }>(
      'SELECT sealed_by AS "sealedBy" FROM public.signing_keys',
    );
    await load.finish((milliseconds) => database.advance(milliseconds));
    console.log(`the refresh token key replaced in three steps at two replicas: ${load.summary()}`);
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
    // The ring went along: had it not, a new key would sign before anybody knew it.
    expect(signing).toEqual([{ sealedBy: 2 }]);
  });

  test('signing keys follow one another, and no reader of the JWKS meets an unknown kid', async () => {
    const settings = {
      SIGNING_KEY_PERIOD: '1h',
      NODE_OPTIONS: `--import=${join(process.cwd(), 'test/faults/other-time.js')}`,
      TIME_LAPSE: String(TIME_LAPSE),
    };
    replicas = [await start(settings), await start(settings)];
    load = Load.start(urls, await openSessions(replicas[0]!, SESSIONS));
    const readers = await Promise.all(
      replicas.map(async (replica) => new Reader(replica, (await replica.open()).refreshToken)),
    );
    const began = await databaseTime();
    const first = performance.now();
    let shown = began;
    // Two hours, at the pace at which the replicas live: the ring turns twice.
    for (let at = began; at < began + 2.2 * 3_600_000; at = await databaseTime()) {
      await database.advance(Math.max(0, (performance.now() - first) * TIME_LAPSE - (at - began)));
      for (const reader of readers) {
        const turn = readers.indexOf(reader) + Math.round((at - began) / 1_000);
        await reader.read(await databaseTime(), replicas[turn % 2]!);
      }
      if (at - shown > 3_600_000) {
        shown = at;
        await load.waitForProgress();
      }
    }
    await load.finish((milliseconds) => database.advance(milliseconds));
    const kids = new Set(readers.flatMap((reader) => [...reader.kids]));
    const verified = readers.reduce((sum, reader) => sum + reader.verified, 0);
    const unknown = readers.flatMap((reader) => reader.unknown);
    console.log(
      `${kids.size} signing keys in two hours (as the database has it) at two replicas: ${load.summary()}; ` +
        `${verified} access tokens seen by readers that keep the JWKS for five minutes, ${unknown.length} with an unknown kid`,
    );
    expect(unknown).toEqual([]);
    expect(kids.size).toBe(3);
    expect(load.tally.lost).toEqual([]);
    expect(load.tally.surprises).toEqual([]);
  });
});

/** An API that keeps the JWKS of one replica as long as it may, whichever replica signed what it is shown. */
class Reader {
  verified = 0;
  readonly kids = new Set<string>();
  readonly unknown: string[] = [];
  private known: readonly (string | undefined)[] = [];
  private readAt = -Infinity;

  constructor(
    private readonly replica: TestService,
    private refreshToken: string,
  ) {}

  async read(now: number, signer: TestService): Promise<void> {
    if (now - this.readAt >= MAX_AGE) {
      const response = await fetch(`${this.replica.url}/.well-known/jwks.json`);
      expect(response.headers.get('cache-control')).toBe(`public, max-age=${MAX_AGE / 1_000}`);
      this.known = ((await response.json()) as JSONWebKeySet).keys.map(({ kid }) => kid);
      this.readAt = now;
    }
    const response = await signer.refresh(this.refreshToken);
    const { accessToken, refreshToken } = (await response.json()) as Record<string, string>;
    this.refreshToken = refreshToken!;
    const { kid } = decodeProtectedHeader(accessToken!);
    this.verified++;
    this.kids.add(kid!);
    if (!this.known.includes(kid)) this.unknown.push(`${kid} at ${decodeJwt(accessToken!).iat}`);
  }
}

/** Which key made a refresh token. */
function kidOf(refreshToken: string): number {
  return Buffer.from(refreshToken.slice(4, 38), 'base64url')[0]!;
}
