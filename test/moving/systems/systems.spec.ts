import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { blocksOf } from '../../docs/page.ts';
import { TestDatabase } from '../../support/database.ts';
import { freePort } from '../../support/postgres.ts';
import { startService, type TestService } from '../../support/service.ts';
import { useDatabase, useService } from '../../support/use-service.ts';
import { importLines } from '../import-lines.ts';

const SECRET = 'a-secret-of-the-other-system-of-32-chars';
const CALLBACK = 'http://127.0.0.1/callback';

/** What a frontend of the other system holds. */
interface Held {
  readonly token: string;
  readonly subject: string;
}

/** A system as it comes from npm, and how its frontends use it over HTTP. */
interface System {
  readonly program: string;
  /** Its page in docs/moving-in, and which of the queries there. */
  readonly query: readonly [page: string, at: number];
  /** Signs somebody in, and gives what their frontend is given. */
  readonly signIn: (url: string) => Promise<Held>;
  /** Has the system exchange a token, so that the old one is worth nothing there; where it does so. */
  readonly exchange?: (url: string, held: Held) => Promise<Held>;
}

const json = { 'content-type': 'application/json' };

async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...json, origin: new URL(url).origin, ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

const anyone = (): string => `${randomBytes(6).toString('hex')}@example.com`;
const subjectIn = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as { sub: string }).sub;

async function signUpAtBetterAuth(url: string): Promise<{ cookie: string; subject: string }> {
  const answer = await post(`${url}/api/auth/sign-up/email`, {
    name: 'Ada',
    email: anyone(),
    password: SECRET,
  });
  const { user } = (await answer.json()) as { user: { id: string } };
  return { cookie: answer.headers.getSetCookie()[0]!.split(';')[0]!, subject: user.id };
}

/** The authorization code flow, as far as `authorize` leads: exchanges the code, and gives the tokens. */
async function redeem(
  endpoints: { token: string },
  authorize: (parameters: URLSearchParams) => Promise<string>,
): Promise<{ refresh_token: string; id_token: string }> {
  const verifier = randomBytes(48).toString('base64url');
  const location = await authorize(
    new URLSearchParams({
      ...{ client_id: 'an-app', response_type: 'code', redirect_uri: CALLBACK, state: 'x' },
      ...{ scope: 'openid offline_access', prompt: 'consent', code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    }),
  );
  const code = location.startsWith(CALLBACK) && new URL(location).searchParams.get('code');
  if (!code) throw new Error(`no code: ${location}`);
  return exchangeAt(endpoints.token, {
    ...{ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier },
  });
}

async function exchangeAt(
  url: string,
  parameters: Record<string, string>,
): Promise<{ refresh_token: string; id_token: string }> {
  const body = new URLSearchParams({ ...parameters, client_id: 'an-app' });
  const answer = await fetch(url, { method: 'POST', body });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { refresh_token: string; id_token: string };
}

function refreshAt(path: string) {
  return async (url: string, { token, subject }: Held): Promise<Held> => {
    const answer = await exchangeAt(url + path, { grant_type: 'refresh_token', refresh_token: token });
    return { token: answer.refresh_token, subject };
  };
}

/** Follows oidc-provider through its own sign-in form, as a browser does. */
async function walkThroughForms(url: string, parameters: URLSearchParams): Promise<string> {
  const jar = new Map<string, string>();
  let next: [string, RequestInit] = [`${url}/auth?${parameters.toString()}`, {}];
  for (let step = 0; step < 12; step++) {
    const [where, how] = next;
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(where, { ...how, redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      jar.set(name!, value!);
    }
    const location = answer.headers.get('location');
    if (location?.startsWith(CALLBACK)) return location;
    if (location) next = [new URL(location, url).href, {}];
    else {
      const form = await answer.text();
      const [, action] = /action="([^"]+)"/.exec(form) ?? [];
      if (!action) throw new Error(`${where}: ${answer.status} ${form.slice(0, 300)}`);
      const isLogin = form.includes('name="login"');
      const body = new URLSearchParams(
        isLogin ? { prompt: 'login', login: anyone(), password: 'x' } : { prompt: 'consent' },
      );
      next = [new URL(action, url).href, { method: 'POST', body }];
    }
  }
  throw new Error('the forms come to no end');
}

const nestAuth: Pick<System, 'program' | 'signIn' | 'exchange'> = {
  program: 'nest-auth.mjs',
  signIn: async (url) => {
    const answer = await post(`${url}/auth/signup`, { email: anyone(), password: 'Lovelace-1815' });
    const { refreshToken } = (await answer.json()) as { refreshToken: string };
    return { token: refreshToken, subject: subjectIn(refreshToken) };
  },
  exchange: async (url, { token, subject }) => {
    const answer = await post(`${url}/auth/refresh-token`, { refreshToken: token });
    return { token: ((await answer.json()) as { refreshToken: string }).refreshToken, subject };
  },
};

const SYSTEMS: Readonly<Record<string, System>> = {
  'better-auth': {
    program: 'better-auth.mjs',
    query: ['better-auth.md', 0],
    signIn: async (url) => {
      const { cookie, subject } = await signUpAtBetterAuth(url);
      return { token: cookie.slice(cookie.indexOf('=') + 1), subject };
    },
  },
  'better-auth’s OAuth provider': {
    program: 'better-auth.mjs',
    query: ['better-auth.md', 1],
    signIn: async (url) => {
      const { cookie, subject } = await signUpAtBetterAuth(url);
      const { refresh_token } = await redeem(
        { token: `${url}/api/auth/oauth2/token` },
        async (parameters) => {
          parameters.delete('prompt');
          const where = `${url}/api/auth/oauth2/authorize?${parameters.toString()}`;
          // A fetch, as a page makes it, is told where to go, in place of being sent there.
          return ((await (await fetch(where, { headers: { cookie } })).json()) as { url: string }).url;
        },
      );
      return { token: refresh_token, subject };
    },
    exchange: refreshAt('/api/auth/oauth2/token'),
  },
  'oidc-provider': {
    program: 'oidc-provider.mjs',
    query: ['oidc-provider.md', 0],
    signIn: async (url) => {
      const { refresh_token, id_token } = await redeem({ token: `${url}/token` }, (parameters) =>
        walkThroughForms(url, parameters),
      );
      return { token: refresh_token, subject: subjectIn(id_token) };
    },
    exchange: refreshAt('/token'),
  },
  'nest-auth': { ...nestAuth, query: ['nest-auth.md', 0] },
};

/** A system that runs, on a database of its own. */
interface Running {
  readonly url: string;
  readonly database: TestDatabase;
  readonly stop: () => Promise<void>;
}

async function startSystem(program: string): Promise<Running> {
  const database = await TestDatabase.create();
  const databaseUrl = new URL(database.url);
  // With the machine's clock.
  databaseUrl.searchParams.delete('options');
  const port = String(await freePort());
  const server = spawn(process.execPath, [program], {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'], TZ: 'UTC', DATABASE_URL: databaseUrl.href, PORT: port, SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (chunk: Buffer) => chunk.includes('listening at') && resolve());
    server.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  const stop = async (): Promise<void> => {
    const gone = once(server, 'exit');
    server.kill('SIGTERM');
    await gone;
    await database.drop();
  };
  return { url: `http://127.0.0.1:${port}`, database, stop };
}

describe.each(Object.entries(SYSTEMS))(
  'whoever moves in from %s',
  (name, { program, query, signIn, exchange }) => {
    const bySignature = name === 'nest-auth';
    const { database, service } = useService({
      CONTRACTS: 'plec,oauth',
      LEGACY_TOKENS: bySignature ? 'jwt@2999-12-31' : 'better-auth@2999-12-31,sha256@2999-12-31',
      LEGACY_BETTER_AUTH_SECRETS: SECRET,
      LEGACY_COOKIES: 'better-auth.session_token',
      ...(bySignature && { LEGACY_JWT: 'HS256:sessionId:type=refresh', LEGACY_JWT_KEYS: SECRET }),
      ROTATION_GRACE: '60s',
    });
    let system: Running;
    let held: Held[];
    let exchanged: Held | undefined;

    beforeAll(async () => {
      system = await startSystem(program);
      const { url, database: there } = system;
      held = [];
      for (let person = 0; person < 4; person++) held.push(await signIn(url));
      if (exchange) {
        exchanged = held[3]!;
        held[3] = await exchange(url, exchanged);
        expect(held[3].token).not.toBe(exchanged.token);
      }
      const sql = blocksOf(`docs/moving-in/${query[0]}`).filter(({ language }) => language === 'sql')[
        query[1]
      ]!.code;
      const rows = await there.query<{ json_build_object: Record<string, unknown> }>(
        sql.replace(/;\s*$/, ''),
      );
      await service.api('POST', '/clients', { id: 'an-app', authMethod: 'none' });
      // The third is a client's; the others are for whoever has the token.
      const lines = rows.map(({ json_build_object: { clientId: _, ...line } }) =>
        line['subject'] === held[2]!.subject ? { ...line, clientId: 'an-app' } : line,
      );
      const { counts, refused } = await importLines(service, lines);
      expect(refused).toEqual([]);
      expect(counts.imported).toBe(held.length);
    }, 120_000);

    afterAll(() => system.stop());

    const inBody = (token: string): Promise<Response> => service.refresh(token);
    const inCookie = (token: string): Promise<Response> =>
      service.post('/auth/refresh', undefined, {
        cookie: name === 'better-auth' ? `better-auth.session_token=${token}` : `refresh_token=${token}`,
      });
    const overOAuth = (token: string): Promise<Response> =>
      fetch(`${service.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: 'an-app', grant_type: 'refresh_token', refresh_token: token }),
      });
    const successorIn = async (answer: Response): Promise<string> => {
      const cookies = answer.headers.getSetCookie().filter((line) => line.startsWith('refresh_token=rt1_'));
      const body = (await answer.json()) as Record<string, string>;
      return body['refreshToken'] ?? body['refresh_token'] ?? /=([^;]+)/.exec(cookies[0] ?? '')?.[1] ?? '';
    };
    const endWindows = (): Promise<unknown> =>
      database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour'`);

    test.each([
      ['in the body', 0, inBody],
      ['in a cookie', 1, inCookie],
      ['over OAuth', 2, overOAuth],
      ['in the body, after an exchange there', 3, inBody],
    ] as const)(
      'goes on with the old token %s; the same successor is given again; after its use, the old one ends the session',
      async (_how, which, refresh) => {
        const { token, subject } = held[which]!;
        const answer = await refresh(token);
        expect(answer.status).toBe(200);
        const successor = await successorIn(answer);
        expect(successor).toMatch(/^rt1_/);
        expect(await successorIn(await refresh(token))).toBe(successor);
        const listed = (await (
          await service.api('GET', `/sessions?subject=${encodeURIComponent(subject)}`)
        ).json()) as {
          sessions: unknown[];
        };
        expect(listed.sessions).toMatchObject([{ subject, status: 'active', generation: 1 }]);
        await endWindows();
        const own = refresh === inCookie ? inBody : refresh;
        expect((await own(successor)).status).toBe(200);
        await endWindows();
        expect([400, 401]).toContain((await refresh(token)).status);
        expect([400, 401]).toContain((await own(successor)).status);
      },
    );

    test('cannot go on with what was worth nothing there, nor with what is forged', async () => {
      const before = await database.dump();
      const { token } = held[0]!;
      const forged = [`x${token.slice(1)}`, `${token.slice(0, -5)}AAAAA`, token.slice(0, -1), `${token}x`];
      // A JWT of the session that was exchanged names it all the same: by the signature, that is one token too many, not none.
      if (exchanged && !bySignature) forged.push(exchanged.token);
      for (const each of forged) expect((await inBody(each)).status).toBe(401);
      expect(await database.dump()).toBe(before);
    });
  },
);

describe('whoever comes with a token that oidc-provider alone knows', () => {
  const { database } = useDatabase();
  const { signIn } = SYSTEMS['oidc-provider']!;
  let issuer: Running;
  let service: TestService;

  beforeAll(async () => {
    issuer = await startSystem('oidc-provider.mjs');
    service = await startService({
      DATABASE_URL: database.url,
      LEGACY_TOKENS: 'issuer@2999-12-31',
      LEGACY_ISSUER_TOKEN_ENDPOINT: `${issuer.url}/token`,
      LEGACY_ISSUER_CLIENT_ID: 'an-app',
    });
  });
  afterAll(async () => {
    await service.stop();
    await issuer.stop();
  });

  test('has it redeemed there, once, and goes on here', async () => {
    const { token, subject } = await signIn(issuer.url);
    const answers = await Promise.all([1, 2, 3].map(() => service.refresh(token)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const successors = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { refreshToken: string }).refreshToken),
    );
    expect(new Set(successors).size).toBe(1);
    const listed = await (
      await service.api('GET', `/sessions?subject=${encodeURIComponent(subject)}`)
    ).json();
    expect(listed).toMatchObject({ sessions: [{ subject, clientId: 'an-app', generation: 1 }] });
    // The issuer takes a second use for theft, and forgets the grant: that is nothing to this service.
    await expect(refreshAt('/token')(issuer.url, { token, subject })).rejects.toThrow('invalid_grant');
    expect((await service.refresh(token)).status).toBe(200);
  });

  test('is nobody with one that was made up', async () => {
    expect((await service.refresh(randomBytes(32).toString('base64url'))).status).toBe(401);
  });
});
