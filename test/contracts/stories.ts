import { sendRaw, type RawAnswer, type RawRequest } from '../support/raw-http.ts';
import type { TestDatabase } from '../support/database.ts';
import type { TestService } from '../support/service.ts';
import { register, type Registered } from './oauth/registered.ts';

/** How a frontend of a contract refreshes. */
export interface Frontend {
  /** As CONTRACTS mounts it. */
  readonly mounted: string;
  /** The request that presents a token, or that has none. */
  readonly ask: (token: string | undefined) => RawRequest;
  /** A request whose token is of a wrong type. */
  readonly askWrongly: RawRequest;
  /** What a session for it is opened with. */
  readonly session: Readonly<Record<string, unknown>>;
  /** Whether a refresh keeps the token it has. */
  readonly touches?: boolean;
}

const json =
  (path: string) =>
  (token: string | undefined): RawRequest => ({
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: token }),
  });
const wrongJson = (path: string): RawRequest => ({
  path,
  headers: { 'content-type': 'application/json' },
  body: '{"refreshToken":42}',
});

/** The six contracts. `oauth` needs a client, which is registered first. */
export async function frontends(service: TestService): Promise<Record<string, Frontend>> {
  const client = await register(service, { id: 'stories' });
  return {
    plec: {
      mounted: 'plec',
      ask: json('/auth/refresh'),
      askWrongly: wrongJson('/auth/refresh'),
      session: {},
    },
    watchr: {
      mounted: 'watchr@/watchr',
      ask: (token) => ({
        path: '/watchr/auth/refresh',
        headers: token === undefined ? {} : { cookie: `refresh_token=${token}` },
      }),
      askWrongly: { path: '/watchr/auth/refresh', headers: { cookie: 'refresh_token=j%3A42' } },
      session: {},
    },
    'nest-auth': {
      mounted: 'nest-auth',
      ask: json('/auth/refresh-token'),
      askWrongly: wrongJson('/auth/refresh-token'),
      session: {
        extras: {
          'nest-auth': { mfaMethods: ['totp', 'email'], defaultMfaMethod: 'totp', trustToken: 'trust-me' },
        },
      },
    },
    dynamosql: {
      mounted: 'dynamosql',
      ask: json('/v1/auth/refresh'),
      askWrongly: wrongJson('/v1/auth/refresh'),
      session: {},
      touches: true,
    },
    akinon: {
      mounted: 'akinon',
      ask: json('/api/v1/auth/refresh-token'),
      askWrongly: wrongJson('/api/v1/auth/refresh-token'),
      session: {},
    },
    oauth: {
      mounted: 'oauth',
      ask: (token) =>
        form(
          client,
          new URLSearchParams({
            grant_type: 'refresh_token',
            ...(token !== undefined && { refresh_token: token }),
          }),
        ),
      askWrongly: form(
        client,
        new URLSearchParams('grant_type=refresh_token&refresh_token=a&refresh_token=b'),
      ),
      session: { clientId: client.id, scope: 'read write' },
    },
  };
}

function form({ id, secret }: Registered, parameters: URLSearchParams): RawRequest {
  const authorization = `Basic ${Buffer.from(`${id}:${secret!}`).toString('base64')}`;
  return {
    path: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization },
    body: parameters.toString(),
  };
}

/** What a story happens in. */
export interface Stage {
  readonly service: TestService;
  readonly database: TestDatabase;
  readonly frontend: Frontend;
}

/** The stories that need nothing but a running service: each gives the answer it ends with. */
export const STORIES: Readonly<Record<string, (stage: Stage) => Promise<RawAnswer>>> = {
  good: async (stage) => refresh(stage, (await open(stage)).refreshToken),

  'lost reply': async (stage) => {
    const { refreshToken } = await open(stage);
    await refresh(stage, refreshToken);
    return refresh(stage, refreshToken);
  },

  'two tabs': async (stage) => {
    const { refreshToken } = await open(stage);
    const [first, second] = await Promise.all([refresh(stage, refreshToken), refresh(stage, refreshToken)]);
    expect(goldenOf(second)).toEqual(goldenOf(first));
    return second;
  },

  thief: async (stage) => {
    const { refreshToken, session } = await open(stage);
    if (stage.frontend.touches) await supersede(stage, session.id);
    else await refresh(stage, refreshToken);
    await stage.database.advance(10_001);
    return refresh(stage, refreshToken);
  },

  'expired idle': async (stage) => {
    const { refreshToken } = await open(stage, { lifetimes: { idle: 60 } });
    await stage.database.advance(60_000);
    return refresh(stage, refreshToken);
  },

  'expired absolute': async (stage) => {
    const { refreshToken } = await open(stage, { lifetimes: { max: 60 } });
    await stage.database.advance(60_000);
    return refresh(stage, refreshToken);
  },

  revoked: async (stage) => {
    const { refreshToken, session } = await open(stage);
    await stage.service.api('DELETE', `/sessions/${session.id}`);
    return refresh(stage, refreshToken);
  },

  malformed: (stage) => refresh(stage, 'abc123.def456'),

  missing: ({ service, frontend }) => sendRaw(service.url, frontend.ask(undefined)),

  'wrong type': ({ service, frontend }) => sendRaw(service.url, frontend.askWrongly),
};

/** Presents a token. */
export function refresh({ service, frontend }: Stage, token: string): Promise<RawAnswer> {
  return sendRaw(service.url, frontend.ask(token));
}

/** Opens a session for the frontend. */
export function open(
  { service, frontend }: Stage,
  more: Record<string, unknown> = {},
): ReturnType<TestService['open']> {
  return service.open({ ...frontend.session, ...more });
}

// A contract that touches supersedes nothing by itself: another one, on the same session, did.
async function supersede({ database }: Stage, id: string): Promise<void> {
  await database.query(
    'UPDATE sessions SET generation = generation + 1, rotated_at = clock.now() WHERE id = $1',
    [id],
  );
}

const TOLD_HEADERS = [
  'content-type',
  'cache-control',
  'pragma',
  'retry-after',
  'set-cookie',
  'www-authenticate',
];

/** An answer as goldens have it: whole, with what differs from run to run named instead of quoted. */
export function goldenOf({ status, headers, body }: RawAnswer): unknown {
  const told = Object.fromEntries(
    TOLD_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  return JSON.parse(nameless(JSON.stringify({ status, headers: told, body }))) as unknown;
}

function nameless(text: string): string {
  return text
    .replace(/rt1_([\w-]{34})\.[\w-]{43}/g, (_token, payload: string) => {
      return `<refresh token of generation ${Buffer.from(payload, 'base64url').readUInt32BE(17)}>`;
    })
    .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<access token>')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replace(/Max-Age=\d+/g, 'Max-Age=<seconds>')
    .replace(/"retry-after":"[1-9]\d*"/, '"retry-after":"<seconds>"');
}
