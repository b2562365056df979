import { sendRaw, type RawAnswer } from '../support/raw-http.ts';
import type { TestDatabase } from '../support/database.ts';
import type { TestService } from '../support/service.ts';
import type { Frontend } from './frontend.ts';

/** What a story happens in. */
export interface Scene {
  readonly service: TestService;
  readonly database: TestDatabase;
  readonly frontend: Frontend;
}

/** The stories that need nothing but a running service: each gives the answer it ends with. */
export const STORIES: Readonly<Record<string, (scene: Scene) => Promise<RawAnswer>>> = {
  good: async (scene) => refresh(scene, (await open(scene)).refreshToken),

  'lost reply': async (scene) => {
    const { refreshToken } = await open(scene);
    await refresh(scene, refreshToken);
    return refresh(scene, refreshToken);
  },

  'two tabs': async (scene) => {
    const { refreshToken } = await open(scene);
    const [first, second] = await Promise.all([refresh(scene, refreshToken), refresh(scene, refreshToken)]);
    expect(goldenOf(second)).toEqual(goldenOf(first));
    return second;
  },

  thief: async (scene) => {
    const { refreshToken, session } = await open(scene);
    if (scene.frontend.touches) await supersede(scene, session.id);
    else await refresh(scene, refreshToken);
    // Its owner uses what it was given for it.
    await supersede(scene, session.id);
    return refresh(scene, refreshToken);
  },

  'expired idle': async (scene) => {
    const { refreshToken } = await open(scene, { lifetimes: { idle: 60 } });
    await scene.database.advance(60_000);
    return refresh(scene, refreshToken);
  },

  'expired absolute': async (scene) => {
    const { refreshToken } = await open(scene, { lifetimes: { max: 60 } });
    await scene.database.advance(60_000);
    return refresh(scene, refreshToken);
  },

  revoked: async (scene) => {
    const { refreshToken, session } = await open(scene);
    await scene.service.api('DELETE', `/sessions/${session.id}`);
    return refresh(scene, refreshToken);
  },

  malformed: (scene) => refresh(scene, 'abc123.def456'),

  missing: ({ service, frontend }) => sendRaw(service.url, frontend.ask(undefined)),

  'wrong type': ({ service, frontend }) => sendRaw(service.url, frontend.askWrongly),
};

/** Presents a token. */
export function refresh({ service, frontend }: Scene, token: string): Promise<RawAnswer> {
  return sendRaw(service.url, frontend.ask(token));
}

/** Opens a session for the frontend. */
export function open(
  { service, frontend }: Scene,
  more: Record<string, unknown> = {},
): ReturnType<TestService['open']> {
  return service.open({ ...frontend.session, ...more });
}

// A contract that touches supersedes nothing by itself: another one, on the same session, did.
async function supersede({ database }: Scene, id: string): Promise<void> {
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
    .replace(/"(refresh_token_timeout|authorization_expires_in)":[1-9]\d*/g, '"$1":"<seconds>"')
    .replace(/"retry-after":"[1-9]\d*"/, '"retry-after":"<seconds>"');
}
