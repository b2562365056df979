import { readFileSync } from 'node:fs';
import { request as ask } from 'node:http';
import { CONSOLE_API } from '../../src/sessions/console/console-api.ts';
import { html } from '../../src/sessions/console/html.ts';
import { SETTINGS, spawnService, startService, type TestService } from '../support/service.ts';
import { useDatabase } from '../support/use-service.ts';

const KEY = 'support-key-of-at-least-thirty-two-characters';
const CLIENTS_KEY = 'clients-key-of-at-least-thirty-two-characters';
const KEYS = {
  SERVICE_KEYS: `${SETTINGS['SERVICE_KEYS']},help-desk[support]:${KEY},deploy[clients]:${CLIENTS_KEY}`,
};
const HOSTILE = `<script>alert(1)</script>"'&`;

type Headers = Record<string, string | undefined>;

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A browser's tab, as far as HTTP goes: it keeps the console's cookie, and says where its requests come from. */
class Tab {
  cookie = '';
  constructor(private readonly url: string) {}

  go(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, headers);
  }

  post(path: string, fields: Record<string, string>, headers: Headers = {}): Promise<Answer> {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.send('POST', path, { 'sec-fetch-site': 'same-origin', ...type, ...headers }, body);
  }

  /** Posts the form of a page with its hidden fields, and others. */
  async submit(page: Answer, action: string, fields: Record<string, string> = {}): Promise<Answer> {
    const form = page.text.split('<form').find((each) => each.includes(`action="${action}"`))!;
    const hidden = Array.from(
      form.split('</form')[0]!.matchAll(/type="hidden"\s+name="(\w+)"\s+value="([^"]*)"/g),
    );
    return this.post(action, {
      ...Object.fromEntries(hidden.map(([, name, value]) => [name!, value!])),
      ...fields,
    });
  }

  async signIn(key = KEY): Promise<Answer> {
    return this.submit(await this.go('/console/sign-in'), '/console/sign-in', { key });
  }

  private send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const cookie = this.cookie && { cookie: this.cookie };
      const all: Headers = { ...cookie, ...headers };
      const said = Object.entries(all).filter(([, value]) => value !== undefined);
      const sent = ask(this.url + path, { method, headers: Object.fromEntries(said) }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const [set] = response.headers['set-cookie'] ?? [];
          if (set) this.cookie = set.split(';')[0]!.replace(/=$/, '=');
          resolve({ status: response.statusCode!, headers: response.headers, text });
        });
      });
      sent.on('error', reject).end(body);
    });
  }
}

describe('the console', () => {
  const { database } = useDatabase();
  let service: TestService;
  let tab: Tab;

  beforeAll(async () => {
    service = await startService({ DATABASE_URL: database.url, ...KEYS, RATE_LIMIT_WRONG_SERVICE_KEYS: '5' });
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    tab = new Tab(service.url);
    await tab.signIn();
  });

  const statusOf = async (id: string): Promise<string> =>
    ((await (await service.api('GET', `/sessions/${id}`)).json()) as { status: string }).status;

  test('lets a holder of a key of that role in, back to where they were, and no other', async () => {
    const stranger = new Tab(service.url);
    const sent = await stranger.go('/console/subjects?subject=ada');
    expect([sent.status, sent.headers['location']]).toEqual([
      303,
      '/console/sign-in?next=%2Fconsole%2Fsubjects%3Fsubject%3Dada',
    ]);
    const form = await stranger.go(sent.headers['location'] as string);
    for (const key of [CLIENTS_KEY, `help-desk[support]:${KEY}`, 'wrong']) {
      const answer = await stranger.submit(form, '/console/sign-in', { key });
      expect([answer.status, stranger.cookie]).toEqual([401, '']);
      expect(answer.text).toContain('no service key with the role support or sessions');
      expect(answer.text).not.toContain(key);
    }
    const answer = await stranger.submit(form, '/console/sign-in', { key: KEY });
    expect([answer.status, answer.headers['location']]).toEqual([303, '/console/subjects?subject=ada']);
    const [set] = answer.headers['set-cookie'] as string[];
    expect(set).toMatch(
      /^__Secure-console=[\w.-]+; Max-Age=1800; Path=\/console; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(Buffer.from(set!.split(/[=.]/)[1]!, 'base64url').toString()).not.toContain(KEY);
    expect((await stranger.go('/console')).status).toBe(200);
  });

  test.each([
    '//evil.example',
    'https://evil.example',
    '/\\evil',
    '/docs',
    '/console/../docs',
    '/console/sign-out',
  ])('leads nobody from the sign-in to %s', async (next) => {
    const answer = await new Tab(service.url).post('/console/sign-in', { key: KEY, next });
    expect([answer.status, answer.headers['location']]).toEqual([303, '/console']);
  });

  test('counts wrong keys to the same limit as the APIs', async () => {
    const limited = await startService({
      DATABASE_URL: database.url,
      ...KEYS,
      RATE_LIMIT_WRONG_SERVICE_KEYS: '2',
    });
    try {
      const guesser = new Tab(limited.url);
      const statuses = [];
      for (let guess = 0; guess < 4; guess++) statuses.push((await guesser.signIn('guess')).status);
      expect(statuses).toEqual([401, 401, 429, 429]);
      expect((await guesser.signIn()).status).toBe(303);
    } finally {
      await limited.stop();
    }
  });

  test('finds a person, and a session, and tells what happened', async () => {
    const { session, refreshToken } = await service.open({ subject: 'ada', device: 'Laptop' });
    const found = await tab.go('/console/find?q=ada');
    expect(found.headers['location']).toBe('/console/subjects?subject=ada');
    const person = await tab.go(found.headers['location'] as string);
    expect(person.text).toContain('Laptop');
    expect(person.text).toContain('One live session');
    const direct = await tab.go(`/console/find?q=${session.id}`);
    expect(direct.headers['location']).toBe(`/console/sessions/${session.id}`);
    const page = await tab.go(direct.headers['location'] as string);
    expect(page.text).toContain('Opened by test for the client test, on Laptop.');
    expect(
      (await tab.go('/console/find?q=00000000-0000-4000-8000-000000000000')).headers['location'],
    ).toMatch(/subjects\?subject=/);
    // A thief's story.
    await service.refresh(refreshToken);
    await database.advance(4 * 86_400_000);
    await service.refresh(refreshToken);
    const after = await tab.go(`/console/sessions/${session.id}`);
    expect(after.text).toMatch(/Ended: refresh token 0 came from .*came too late to be exchanged again/);
    expect(after.text).not.toContain('End it');
  });

  test('ends one, all, or all but one, after a question, and the history says who', async () => {
    const subject = 'grace';
    const open = (): Promise<string> => service.open({ subject }).then(({ session }) => session.id);
    const [one, two, three] = [await open(), await open(), await open()];
    const question = await tab.go(`/console/end?session=${one}`);
    expect([await statusOf(one), question.status]).toEqual(['active', 200]);
    const ended = await tab.submit(question, '/console/end');
    expect([await statusOf(one), ended.headers['location']]).toEqual([
      'revoked',
      `/console/sessions/${one}?done=ended`,
    ]);
    const page = await tab.go(String(ended.headers['location']));
    expect(page.text).toContain('The session is ended.');
    expect(page.text).toContain('Ended by help-desk.');
    await database.advance(10);
    await tab.submit(await tab.go(`/console/end?subject=${subject}&except=${two}`), '/console/end');
    expect([await statusOf(two), await statusOf(three)]).toEqual(['active', 'revoked']);
    const all = await tab.submit(await tab.go(`/console/end?subject=${subject}`), '/console/end');
    expect([await statusOf(two), all.headers['location']]).toEqual([
      'revoked',
      '/console/subjects?subject=grace&done=all',
    ]);
    for (const nothing of [
      '',
      '?session=7',
      '?subject=',
      `?subject=${subject}&session=${two}`,
      '?except=x&subject=y',
    ])
      expect((await tab.go(`/console/end${nothing}`)).status).toBe(400);
  });

  test('inspects a token that is pasted, and shows it nowhere', async () => {
    const { refreshToken, session } = await service.open({ subject: 'linus', device: 'Desk' });
    const form = await tab.go('/console/inspect');
    const before = await database.dump();
    const answer = await tab.submit(form, '/console/inspect', { token: ` ${refreshToken}\n` });
    expect(answer.text).toContain('It would be exchanged for a new one.');
    expect(answer.text).toContain(`/console/sessions/${session.id}`);
    expect(answer.text).not.toContain(refreshToken.slice(4, 30));
    expect((await tab.submit(form, '/console/inspect', { token: 'x' })).text).toContain(
      'It is no refresh token of this service.',
    );
    expect(await database.dump()).toBe(before);
  });

  test('takes a form from its own pages alone', async () => {
    const { session } = await service.open();
    const question = await tab.go(`/console/end?session=${session.id}`);
    const form = /name="form"\s+value="([^"]+)"/.exec(question.text)![1]!;
    const other = new Tab(service.url);
    await other.signIn(SETTINGS['SERVICE_KEYS']!.split(':')[1]);
    const othersForm = /name="form"\s+value="([^"]+)"/.exec((await other.go('/console')).text)![1]!;
    const tries: [Record<string, string>, Headers][] = [
      [{ form }, { 'sec-fetch-site': 'cross-site' }],
      [{ form }, { 'sec-fetch-site': 'same-site' }],
      // An older browser says the one alone.
      [{ form }, { 'sec-fetch-site': undefined, origin: 'https://evil.example' }],
      [{ form }, { 'sec-fetch-site': undefined, origin: 'null' }],
      [{ form }, { 'sec-fetch-site': undefined }],
      [{}, {}],
      [{ form: othersForm }, {}],
      [{ form: `${form}x` }, {}],
    ];
    for (const [fields, headers] of tries) {
      const answer = await tab.post('/console/end', { session: session.id, ...fields }, headers);
      expect([answer.status, answer.headers['content-type']]).toEqual([403, 'text/html; charset=utf-8']);
    }
    expect(await statusOf(session.id)).toBe('active');
    const own = { 'sec-fetch-site': undefined, origin: service.url };
    expect((await tab.post('/console/end', { session: session.id, form }, own)).status).toBe(303);
    expect((await tab.post('/console/sign-out', {})).status).toBe(403);
  });

  test('keeps nobody signed in for longer than half an hour without a word, or once their key is changed', async () => {
    const { cookie } = tab;
    const changed = await startService({
      DATABASE_URL: database.url,
      SERVICE_KEYS: `help-desk[support]:another-${KEY}`,
    });
    const rotated = await startService({
      ...{ DATABASE_URL: database.url, ...KEYS },
      REFRESH_TOKEN_KEYS: `2:another-${KEY},${SETTINGS['REFRESH_TOKEN_KEYS']}`,
    });
    try {
      for (const [at, status] of [
        [changed, 303],
        [rotated, 200],
        [service, 200],
      ] as const) {
        const there = new Tab(at.url);
        there.cookie = cookie;
        expect((await there.go('/console')).status).toBe(status);
      }
    } finally {
      await Promise.all([changed.stop(), rotated.stop()]);
    }
    const forged = new Tab(service.url);
    forged.cookie = `${cookie.slice(0, -2)}xx`;
    expect((await forged.go('/console')).status).toBe(303);
    // Looking at the live picture is not doing something.
    expect((await tab.go('/console/live')).headers['set-cookie']).toBeUndefined();
    await tab.submit(await tab.go('/console'), '/console/sign-out');
    expect((await tab.go('/console')).status).toBe(303);
  });

  test('escapes what people have called themselves and their devices', async () => {
    expect(String(html`<p>${HOSTILE}</p>`)).toBe(
      '<p>&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;</p>',
    );
    const { session } = await service.open({ subject: HOSTILE, device: HOSTILE, userAgent: HOSTILE });
    const query = new URLSearchParams({ subject: HOSTILE });
    for (const path of [
      `/console/subjects?${query.toString()}`,
      `/console/sessions/${session.id}`,
      `/console/end?${query.toString()}`,
      `/console/sign-in?next=${encodeURIComponent(`/console?${HOSTILE}`)}`,
    ]) {
      const { text } = await tab.go(path);
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain(HOSTILE);
    }
  });

  test('answers with pages, whatever is wrong, that draw nothing of others and are in no frame', async () => {
    for (const [path, status] of [
      ['/console', 200],
      ['/console/nothing', 404],
      ['/console/sessions/7', 404],
      ['/console/sessions/00000000-0000-4000-8000-000000000000', 404],
      ['/console/subjects?subject=', 404],
      ['/console/subjects?subject=a&cursor=x', 400],
    ] as const) {
      const answer = await tab.go(path);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        status,
        'text/html; charset=utf-8',
      ]);
      expect(answer.headers['cache-control']).toBe('no-store');
      const policy = String(answer.headers['content-security-policy']);
      for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"])
        expect(policy).toContain(rule);
      expect(policy).not.toContain('unsafe');
    }
    expect((await tab.post('/console', {})).status).toBe(405);
    expect((await tab.post('/console/end', { a: 'b' }, { 'content-type': 'application/json' })).status).toBe(
      415,
    );
    await database.query('BEGIN');
    await database.query('LOCK TABLE public.sessions IN ACCESS EXCLUSIVE MODE');
    const away = await tab.go('/console/subjects?subject=ada');
    await database.query('COMMIT');
    expect([away.status, away.text.includes('Nothing was done; try again')]).toEqual([503, true]);
  });

  test('knows the routes that its API names, and no others', () => {
    const source = readFileSync('src/sessions/console/console.controller.ts', 'utf8');
    const routes = Array.from(source.matchAll(/@(Get|Post)\((?:'([^']*)')?\)/g), ([, method, path = '']) => {
      return `${method!.toUpperCase()} /console${path && `/${path}`}`;
    });
    const named = Object.entries(CONSOLE_API.routes).flatMap(([path, methods]) =>
      methods.map((each) => `${each} ${path}`),
    );
    expect(routes.toSorted()).toEqual(named.toSorted());
  });

  test('is not there in production unless it is set, nor where it is off', async () => {
    const production = {
      ...{ DATABASE_URL: database.url, NODE_ENV: 'production', TRUST_PROXY: 'off', HOST: '127.0.0.1' },
    };
    for (const [settings, status] of [
      [{ CONSOLE: 'off' }, 404],
      [production, 404],
      [{ ...production, CONSOLE: 'on' }, 303],
    ] as const) {
      const other = await startService({ DATABASE_URL: database.url, ...settings });
      try {
        expect((await new Tab(other.url).go('/console')).status).toBe(status);
      } finally {
        await other.stop();
      }
    }
  });

  test('the log names who did what, and no token', async () => {
    const service = await spawnService({ DATABASE_URL: database.url, ...KEYS });
    let log = '';
    service.process!.stdout!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      const tab = new Tab(service.url);
      await tab.signIn('wrong-key-that-is-nowhere-to-be-seen');
      await tab.signIn();
      const { refreshToken, session } = await service.open();
      await tab.submit(await tab.go('/console/inspect'), '/console/inspect', { token: refreshToken });
      await tab.submit(await tab.go(`/console/end?session=${session.id}`), '/console/end');
      await service.stop();
      const lines = log
        .split('\n')
        .filter((line) => line.includes('"path":"/console'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.at(-1)).toMatchObject({
        path: '/console/end',
        serviceKey: 'help-desk',
        sessionId: session.id,
      });
      for (const secret of [refreshToken.slice(4, 40), KEY, 'wrong-key-that', tab.cookie.slice(10, 60)])
        expect(log).not.toContain(secret);
    } finally {
      await service.stop();
    }
  });
});
