import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { JwtService } from '@nestjs/jwt';
import { supabaseToken } from '../../src/core/supabase-token.ts';
import { blocksOf } from '../docs/page.ts';
import { importLines } from './import-lines.ts';
import { useService } from '../support/use-service.ts';

const sha256 = (data: string): Buffer => createHash('sha256').update(data).digest();
const SECRET = 'the-system-secret-of-hydra';

/** The queries of the pages that write lines, each with its page and its place there. */
const RECIPES = readdirSync('docs/moving-in')
  // Those of systems that can be had from npm are tested with them: npm run test:moving.
  .filter((page) => !['better-auth.md', 'nest-auth.md', 'oidc-provider.md'].includes(page))
  .flatMap((page) =>
    blocksOf(join('docs/moving-in', page))
      .filter(({ language, code }) => language === 'sql' && code.includes("'lookup'"))
      .map(({ code }, at) => [`${page}, ${at + 1}`, code.replace(/;\s*$/, '')] as const),
  );

interface Source {
  /** The tables as the system makes them, as far as the query reads them, with two sessions, of which one has ended. */
  readonly tables: (token: string) => string;
  readonly token: string;
  readonly subject: string;
}

const hydraKey = randomBytes(32);
const hydraSignature = createHmac('sha512-256', sha256(SECRET)).update(hydraKey).digest('base64url');
const user = randomUUID();

const realmSecret = randomBytes(64);
const [online, offline] = [randomUUID(), randomUUID()];
const supabase = { session: randomUUID(), key: randomBytes(32).toString('base64'), counter: 3 };

const SOURCES: Readonly<Record<string, Source>> = {
  'hydra.md, 1': {
    token: `ory_rt_${hydraKey.toString('base64url')}.${hydraSignature}`,
    subject: 'user-4',
    tables: () => `
      CREATE TABLE hydra_oauth2_refresh (signature varchar(255), client_id varchar(255), subject varchar(255),
        granted_scope text, active bool, requested_at timestamp, expires_at timestamp);
      INSERT INTO hydra_oauth2_refresh VALUES
        ('${hydraSignature}', 'an-app', 'user-4', 'read|write', true, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' + interval '1 day'),
        ('${'A'.repeat(43)}', 'an-app', 'user-2', '', false, now(), now() + interval '1 day');`,
  },
  'keycloak.md, 1': {
    token: new JwtService().sign(
      { typ: 'Offline', sid: offline, azp: 'an-app', jti: randomUUID() },
      { secret: realmSecret, algorithm: 'HS512' },
    ),
    subject: 'user-5',
    // Of each kind, one that has ended by its idle deadline; an online one that has by its absolute one; another realm's.
    tables: () => `
      CREATE TABLE realm (id text, name text, sso_idle_timeout int, sso_max_lifespan int, offline_session_idle_timeout int);
      CREATE TABLE client (id text, client_id text, realm_id text);
      CREATE TABLE offline_user_session (user_session_id text, realm_id text, user_id text, created_on int,
        last_session_refresh int, offline_flag text);
      CREATE TABLE offline_client_session (user_session_id text, client_id text, offline_flag text);
      INSERT INTO realm VALUES ('r', 'shop', 1800, 36000, 2592000), ('s', 'other', 1800, 36000, 2592000);
      INSERT INTO client VALUES ('c', 'an-app', 'r');
      INSERT INTO offline_user_session SELECT id, realm, sub, now - age, now - idle, flag
        FROM (SELECT extract(epoch FROM now())::int AS now) AS clock, (VALUES
          ('${offline}', 'r', 'user-5', 2000000, 1900000, '1'), ('${randomUUID()}', 'r', 'user-6', 3000000, 2600000, '1'),
          ('${online}', 'r', 'user-6', 3600, 1900, '0'), ('${randomUUID()}', 'r', 'user-6', 36001, 60, '0'),
          ('${randomUUID()}', 's', 'user-6', 60, 60, '0')) AS given(id, realm, sub, age, idle, flag);
      INSERT INTO offline_client_session SELECT user_session_id, 'c', offline_flag FROM offline_user_session;`,
  },
  'own-table.md, 1': {
    token: randomBytes(32).toString('base64url'),
    subject: 'user-7',
    tables: (token) => `
      CREATE TABLE refresh_tokens (token_hash bytea, user_id text, device_name text, created_at timestamptz,
        expires_at timestamptz, revoked_at timestamptz);
      INSERT INTO refresh_tokens VALUES
        ('\\x${sha256(token).toString('hex')}', 'user-7', 'Firefox', now(), now() + interval '1 day', NULL),
        ('\\x00', 'user-2', NULL, now(), now() + interval '1 day', now());`,
  },
  'supabase.md, 1': {
    token: randomBytes(9).toString('base64url'),
    subject: user,
    tables: (token) => `
      CREATE SCHEMA auth;
      CREATE TABLE auth.sessions (id uuid, user_id uuid, created_at timestamptz, not_after timestamptz, user_agent text,
        scopes text, refresh_token_hmac_key text, refresh_token_counter bigint);
      CREATE TABLE auth.refresh_tokens (token varchar(255), user_id varchar(255), session_id uuid, revoked boolean);
      INSERT INTO auth.sessions VALUES ('${user}', '${user}', now() - interval '1 day', NULL, 'Firefox', '');
      INSERT INTO auth.refresh_tokens VALUES ('${token}', '${user}', '${user}', false), ('older', '${user}', '${user}', true);`,
  },
  // In the tables of the one before.
  'supabase.md, 2': {
    token: supabaseToken(supabase),
    subject: supabase.session,
    tables: () => `
      INSERT INTO auth.sessions VALUES ('${supabase.session}', '${supabase.session}', now(), NULL, NULL, NULL,
        '${supabase.key}', ${supabase.counter});`,
  },
  'supertokens.md, 1': {
    token: randomBytes(64).toString('hex'),
    subject: 'user-1',
    tables: (token) => `
      CREATE TABLE session_info (refresh_token_hash_2 varchar(128), user_id varchar(128), created_at_time bigint, expires_at bigint);
      INSERT INTO session_info SELECT hash, sub, now, now + left_over
        FROM (SELECT (extract(epoch FROM now()) * 1000)::bigint AS now) AS clock, (VALUES
          ('${sha256(sha256(token).toString('hex')).toString('hex')}', 'user-1', 86400000),
          ('${sha256('x').toString('hex')}', 'user-2', -1)) AS given(hash, sub, left_over);`,
  },
};

describe('the queries of docs/moving-in', () => {
  const { database, service } = useService({
    LEGACY_TOKENS: 'sha256@2999-12-31,sha256x2@2999-12-31,hydra@2999-12-31,jwt@2999-12-31',
    LEGACY_HYDRA_SECRETS: SECRET,
    // As the page for Keycloak has it.
    LEGACY_JWT: 'HS512:sid+azp+typ:typ=Refresh|Offline',
    LEGACY_JWT_KEYS: `base64:${realmSecret.toString('base64url')}`,
  });

  test('are of each page here', () => {
    expect(RECIPES.map(([system]) => system)).toEqual(Object.keys(SOURCES));
  });

  test.each(RECIPES)('of %s move the session in, and none that has ended', async (place, query) => {
    const { tables, token, subject } = SOURCES[place]!;
    await database.query(tables(token));
    const rows = await database.query<{ json_build_object: object }>(query);
    const lines = rows.map((row) => row.json_build_object);
    const { counts, refused } = await importLines(service, lines);
    expect(refused).toEqual([]);
    expect(counts).toMatchObject({ imported: 1, already: 0 });
    const answer = await service.refresh(token);
    expect(answer.status).toBe(200);
    const list = await service.api('GET', `/sessions?subject=${subject}`);
    expect(await list.json()).toMatchObject({ sessions: [{ subject, status: 'active', generation: 1 }] });
  });

  test('of keycloak.md finds the secret of the realm, as LEGACY_JWT_KEYS takes it', async () => {
    const asks = blocksOf('docs/moving-in/keycloak.md').find(({ code }) => code.includes("'base64:'"))!;
    await database.query(`
      CREATE TABLE component (id text, name text, parent_id text, provider_id text);
      CREATE TABLE component_config (component_id text, name text, value text);
      INSERT INTO component VALUES ('1', 'hmac-generated-hs512', 'r', 'hmac-generated'),
        ('2', 'hmac-generated-hs512', 's', 'hmac-generated'), ('3', 'aes-generated', 'r', 'aes-generated');
      INSERT INTO component_config VALUES ('1', 'secret', '${realmSecret.toString('base64url')}'), ('1', 'kid', 'x'),
        ('2', 'secret', 'another realm'), ('3', 'secret', 'another key');`);
    const found = await database.query<{ key: string }>(
      asks.code.replace(/;\s*$/, '').replace('s.value FROM', 's.value AS key FROM'),
    );
    expect(found).toEqual([{ key: `base64:${realmSecret.toString('base64url')}` }]);
  });
});
