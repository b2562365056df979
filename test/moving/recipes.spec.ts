import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { Config } from '../../src/config/config.ts';
import { CONFIG } from '../../src/config/config.module.ts';
import { importSessions } from '../../src/sessions/import/importer.ts';
import { Database } from '../../src/store/database/database.ts';
import { PrismaSessionImport } from '../../src/store/prisma/prisma-session-import.ts';
import { useService } from '../support/use-service.ts';

const sha256 = (data: string): Buffer => createHash('sha256').update(data).digest();
const SECRET = 'the-system-secret-of-hydra';

/** The queries of the page, each with the system that its paragraph begins with. */
const RECIPES = [
  ...readFileSync('docs/moving-in/README.md', 'utf8').matchAll(
    /^([A-Z]\w[^\n]*):\n\n```sql\n([\s\S]+?);\n```/gim,
  ),
].map(([, system, query]) => [system!.split(/ \(|, /)[0]!, query!] as const);

interface Source {
  /** The tables as the system makes them, as far as the query reads them, with two sessions, of which one has ended. */
  readonly tables: (token: string) => string;
  readonly token: string;
  readonly subject: string;
}

const hydraKey = randomBytes(32);
const hydraSignature = createHmac('sha512-256', sha256(SECRET)).update(hydraKey).digest('base64url');
const user = randomUUID();

const SOURCES: Readonly<Record<string, Source>> = {
  Supabase: {
    token: randomBytes(9).toString('base64url'),
    subject: user,
    tables: (token) => `
      CREATE SCHEMA auth;
      CREATE TABLE auth.sessions (id uuid, user_id uuid, created_at timestamptz, not_after timestamptz, user_agent text);
      CREATE TABLE auth.refresh_tokens (token varchar(255), user_id varchar(255), session_id uuid, revoked boolean);
      INSERT INTO auth.sessions VALUES ('${user}', '${user}', now() - interval '1 day', NULL, 'Firefox');
      INSERT INTO auth.refresh_tokens VALUES ('${token}', '${user}', '${user}', false), ('older', '${user}', '${user}', true);`,
  },
  SuperTokens: {
    token: randomBytes(64).toString('hex'),
    subject: 'user-1',
    tables: (token) => `
      CREATE TABLE session_info (refresh_token_hash_2 varchar(128), user_id varchar(128), expires_at bigint);
      INSERT INTO session_info VALUES
        ('${sha256(sha256(token).toString('hex')).toString('hex')}', 'user-1', (extract(epoch FROM now()) * 1000)::bigint + 86400000),
        ('${sha256('x').toString('hex')}', 'user-2', 1);`,
  },
  'Ory Hydra': {
    token: `ory_rt_${hydraKey.toString('base64url')}.${hydraSignature}`,
    subject: 'user-4',
    tables: () => `
      CREATE TABLE hydra_oauth2_refresh (signature varchar(255), client_id varchar(255), subject varchar(255),
        granted_scope text, active bool, expires_at timestamp);
      INSERT INTO hydra_oauth2_refresh VALUES
        ('${hydraSignature}', 'an-app', 'user-4', 'read|write', true, now() AT TIME ZONE 'UTC' + interval '1 day'),
        ('${'A'.repeat(43)}', 'an-app', 'user-2', '', false, now() + interval '1 day');`,
  },
  'better-auth': {
    token: randomBytes(24).toString('base64url'),
    subject: 'user-3',
    tables: (token) => `
      CREATE TABLE "oauthRefreshToken" (token text, "userId" text, "clientId" text, "expiresAt" timestamptz, revoked timestamptz);
      INSERT INTO "oauthRefreshToken" VALUES
        ('${sha256(token).toString('base64url')}', 'user-3', 'an-app', now() + interval '1 day', NULL),
        ('${sha256('x').toString('base64url')}', 'user-2', 'an-app', now() + interval '1 day', now());`,
  },
};

describe('the queries of docs/moving-in', () => {
  const { database, service } = useService({
    LEGACY_TOKENS: 'sha256@2999-12-31,sha256x2@2999-12-31,hydra@2999-12-31',
    LEGACY_HYDRA_SECRETS: SECRET,
  });

  test('are of each system here', () => {
    expect(RECIPES.map(([system]) => system)).toEqual(Object.keys(SOURCES));
  });

  test.each(RECIPES)('move the sessions of %s in, and none that has ended', async (system, query) => {
    const { tables, token, subject } = SOURCES[system]!;
    await database.query(tables(token));
    const rows = await database.query<{ json_build_object: object }>(query);
    const lines = rows.map((row) => JSON.stringify(row.json_build_object)).join('\n');
    const refused: unknown[] = [];
    const counts = await importSessions(Readable.from([Buffer.from(lines)]), {
      config: service.app!.nest.get<Config>(CONFIG),
      store: new PrismaSessionImport(service.app!.nest.get(Database)),
      refuse: (line, reasons) => Promise.resolve(void refused.push([line, reasons])),
      report: () => undefined,
    });
    expect(refused).toEqual([]);
    expect(counts).toMatchObject({ imported: 1, already: 0 });
    const answer = await service.refresh(token);
    expect(answer.status).toBe(200);
    const list = await service.api('GET', `/sessions?subject=${subject}`);
    expect(await list.json()).toMatchObject({ sessions: [{ subject, status: 'active', generation: 1 }] });
  });
});
