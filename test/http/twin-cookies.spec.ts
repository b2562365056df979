import { sendRaw, type RawAnswer } from '../support/raw-http.ts';
import type { OpenedSession, TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

const HOST = 'auth.example.com';

/** What a browser holds for HOST at `/auth`: cookies of one name are several where their domains differ. */
class Browser {
  private readonly jar = new Map<string, string>();

  /** Keeps or clears the cookies of an answer, as RFC 6265 section 5.3 has it. */
  keep(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) {
      const [pair = '', ...attributes] = setCookie.split('; ');
      const ofAttribute = (name: string): string | undefined =>
        attributes.find((attribute) => attribute.startsWith(name))?.slice(name.length);
      const key = ['Domain=', 'Path=', 'Partitioned'].map((name) => ofAttribute(name) ?? '-').join();
      this.jar.delete(key);
      if (ofAttribute('Max-Age=') !== '0') this.jar.set(key, pair);
    }
  }

  /** The values, the oldest first, as they are sent. */
  get cookies(): string[] {
    return [...this.jar.values()];
  }

  async post(service: TestService, path = '/auth/refresh'): Promise<RawAnswer> {
    const headers = { host: HOST, cookie: this.cookies.join('; ') };
    const answer = await sendRaw(service.url, { path, headers });
    this.keep(answer.headers['set-cookie'] ?? []);
    return answer;
  }
}

const bed = useDatabase();
const atHost = (): Promise<TestService> => bed.start();
const atDomain = (): Promise<TestService> => bed.start({ COOKIE_DOMAIN: 'Example.com' });
const atRoot = (): Promise<TestService> => bed.start({ COOKIE_PATH: '/' });
const generationOf = async ({ session }: OpenedSession): Promise<unknown> =>
  (await bed.database.query('SELECT generation, revoked_by FROM sessions WHERE id = $1', [session.id]))[0];

describe.each([
  ['COOKIE_DOMAIN was set', atHost, atDomain],
  ['COOKIE_DOMAIN was taken back', atDomain, atHost],
  ['COOKIE_PATH was set', atHost, atRoot],
  ['COOKIE_PATH was taken back', atRoot, atHost],
])('when %s', (_what, startBefore, startAfter) => {
  let before: TestService;
  let after: TestService;
  let browser: Browser;

  beforeAll(async () => {
    [before, after] = [await startBefore(), await startAfter()];
  });
  beforeEach(() => void (browser = new Browser()));

  test('a session goes on, and the cookie from before is cleared when it stands in the way', async () => {
    const opened = await before.open();
    browser.keep([opened.setCookie]);
    expect((await browser.post(after)).status).toBe(200);
    expect(browser.cookies).toHaveLength(2);
    for (let times = 1; times <= 3; times++) {
      await bed.database.advance(10_001);
      expect((await browser.post(after)).status).toBe(200);
      expect(browser.cookies).toHaveLength(1);
    }
    expect(await generationOf(opened)).toEqual({ generation: 4, revoked_by: null });
  });

  test.each([
    ['that lives', (): Promise<void> => Promise.resolve()],
    [
      'that was ended',
      async ({ session }: OpenedSession): Promise<void> => {
        await before.api('DELETE', `/sessions/${session.id}`);
      },
    ],
  ])('a sign-in counts beside a session of before %s', async (_how, happen) => {
    const [old, fresh] = [await before.open(), await after.open()];
    await happen(old);
    browser.keep([old.setCookie, fresh.setCookie]);
    expect((await browser.post(after)).status).toBe(200);
    expect(browser.cookies).toHaveLength(1);
    expect(await generationOf(fresh)).toEqual({ generation: 1, revoked_by: null });
    expect(await generationOf(old)).toMatchObject({ generation: 0 });
  });

  test('logging out ends and clears them all', async () => {
    const [old, fresh] = [await before.open({ subject: 'eve' }), await after.open()];
    browser.keep([old.setCookie, fresh.setCookie]);
    const refused = await browser.post(after);
    expect([refused.status, refused.body]).toMatchObject([
      400,
      { details: { cookie: [expect.stringMatching(/of different people; log out and sign in again/)] } },
    ]);
    expect((await browser.post(after, '/auth/logout')).status).toBe(204);
    expect(browser.cookies).toEqual([]);
    for (const each of [old, fresh])
      expect(await generationOf(each)).toEqual({ generation: 0, revoked_by: 'logout' });
  });

  test('a cookie that is no token is cleared beside a good one, and a dry run clears none', async () => {
    const opened = await after.open();
    browser.keep([`refresh_token=tossed; Path=/auth; Domain=${HOST}`, opened.setCookie]);
    const headers = { host: HOST, cookie: browser.cookies.join('; ') };
    const dry = await sendRaw(after.url, { path: '/auth/refresh?dryRun=true', headers });
    expect([dry.status, dry.headers['set-cookie']]).toEqual([200, undefined]);
    expect((await browser.post(after)).status).toBe(200);
    expect(browser.cookies).toEqual([expect.stringMatching(/^refresh_token=rt1_/)]);
  });
});

describe('a cookie for each site that embeds the service', () => {
  test('is Partitioned and Secure, and takes the place of one that was not', async () => {
    const [before, after] = [
      await bed.start(),
      await bed.start({ COOKIE_PARTITIONED: 'on', ISSUER: 'http://localhost' }),
    ];
    const opened = await before.open();
    const browser = new Browser();
    browser.keep([opened.setCookie]);
    const first = await browser.post(after);
    expect(first.headers['set-cookie']).toEqual([
      expect.stringMatching(/^refresh_token=rt1_.*; SameSite=Strict; Partitioned; Secure$/),
    ]);
    expect(browser.cookies).toHaveLength(2);
    const second = await browser.post(after);
    // Last, for browsers that do not know Partitioned.
    expect(second.headers['set-cookie']!.at(-1)).toMatch(/=rt1_/);
    expect(browser.cookies).toHaveLength(1);
  });
});
