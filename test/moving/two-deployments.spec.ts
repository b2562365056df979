import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from '../support/database.ts';
import { SETTINGS, type TestService } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { importLines } from './import-lines.ts';

const BOTH = { CONTRACTS: 'plec,oauth', LEGACY_TOKENS: 'sha256@2999-12-31', ROTATION_GRACE: '60s' };

describe('who moves from one deployment to another', () => {
  const from = useService(BOTH);
  const to = useService(BOTH);
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-export-'));
  let files = 0;

  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    for (const { database } of [from, to])
      await database.query('DELETE FROM public.sessions; DELETE FROM public.legacy_tokens');
  });

  const run = (
    command: string,
    { url }: TestDatabase,
    file: string,
  ): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`dist/${command}.js`, file], {
      env: { PATH: process.env['PATH'], ...SETTINGS, DATABASE_URL: url },
      encoding: 'utf8',
    });
    return { status, said: stdout + stderr };
  };
  const exportAll = (): string => {
    const file = join(folder, `${++files}.ndjson`);
    expect(run('export', from.database, file).status).toBe(0);
    return file;
  };
  const importAll = (file: string): string => {
    const { status, said } = run('import', to.database, file);
    expect([status, said]).toEqual([0, expect.any(String)]);
    return said;
  };
  const rowsOf = ({ database }: { database: TestDatabase }): Promise<unknown[]> =>
    database.query(`SELECT to_jsonb(sessions) AS session, (SELECT jsonb_agg(to_jsonb(legacy_tokens)) FROM public.legacy_tokens
      WHERE session_id = sessions.id) AS tokens FROM public.sessions ORDER BY id`);
  const refresh = async ({ service }: { service: TestService }, token: string): Promise<[number, string]> => {
    const answer = await service.refresh(token);
    return [answer.status, ((await answer.json()) as { refreshToken: string }).refreshToken];
  };
  const endWindows = ({ database }: { database: TestDatabase }): Promise<unknown> =>
    database.query(`UPDATE public.sessions SET rotated_at = rotated_at - interval '1 hour'`);

  /** A session of each kind, as whoever has it knows it. */
  async function live(): Promise<{
    fresh: string;
    turned: [string, string];
    sibling: string;
    legacy: string;
  }> {
    const { service } = from;
    const fresh = (
      await service.open({ claims: { role: 'admin', list: [1, { a: 'ü "quoted"' }] }, device: 'Firefox' })
    ).refreshToken;
    const parent = (await service.open({ audience: ['a', 'b'], amr: ['pwd'], scope: 'read write' }))
      .refreshToken;
    const [, lost] = await refresh(from, parent);
    await endWindows(from);
    // A lost answer, made good: there are two successors, of which none has been used.
    const [, sibling] = await refresh(from, parent);
    expect(sibling).not.toBe(lost);
    const first = (await service.open()).refreshToken;
    const [, second] = await refresh(from, first);
    const legacy = randomBytes(32).toString('hex');
    const sha256 = createHash('sha256').update(legacy).digest('hex');
    await importLines(service, [{ lookup: { sha256 }, subject: 'ada' }]);
    return { fresh, turned: [first, second], sibling, legacy };
  }

  test('has the very rows there that were here, and none that has ended', async () => {
    await live();
    const { session } = await from.service.open();
    await from.service.api('DELETE', `/sessions/${session.id}`);
    const file = exportAll();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(importAll(file)).toBe('4 imported\n');
    await from.database.query('DELETE FROM public.sessions WHERE revoked_at IS NOT NULL');
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    expect(importAll(file)).toBe('0 imported, 4 were there already\n');
  });

  test('goes on there with the tokens that they have, by the same rules', async () => {
    const { fresh, turned, sibling, legacy } = await live();
    importAll(exportAll());
    for (const token of [fresh, sibling, legacy]) expect((await refresh(to, token))[0]).toBe(200);
    // A lost answer, or a second tab: the successor that was given here is given there.
    expect(await refresh(to, turned[0])).toEqual([200, turned[1]]);
    await endWindows(to);
    expect((await refresh(to, turned[1]))[0]).toBe(200);
    await endWindows(to);
    expect((await refresh(to, turned[0]))[0]).toBe(401);
    expect((await refresh(to, turned[1]))[0]).toBe(401);
  });

  test('may export again at the switch: what was refreshed since wins, and nothing that is older', async () => {
    const { refreshToken } = await from.service.open();
    const early = exportAll();
    importAll(early);
    const [, next] = await refresh(from, refreshToken);
    await endWindows(from);
    const [, last] = await refresh(from, next);
    const late = exportAll();
    expect(importAll(late)).toBe('1 imported\n');
    expect(importAll(early)).toBe('0 imported, 1 were there already\n');
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    await endWindows(to);
    expect((await refresh(to, last))[0]).toBe(200);
  });

  test('revives nobody there who has been signed out since', async () => {
    const { refreshToken, session } = await from.service.open();
    importAll(exportAll());
    await to.service.api('DELETE', `/sessions/${session.id}`);
    await refresh(from, refreshToken);
    importAll(exportAll());
    expect((await refresh(to, refreshToken))[0]).toBe(401);
  });

  test('finds a token there that is newer than its row healed, as after a failover', async () => {
    const { refreshToken } = await from.service.open();
    const file = exportAll();
    const [, next] = await refresh(from, refreshToken);
    importAll(file);
    expect((await refresh(to, next))[0]).toBe(200);
  });

  test('goes on as a client’s session, over OAuth', async () => {
    for (const { service } of [from, to])
      expect((await service.api('POST', '/clients', { id: 'an-app', authMethod: 'none' })).status).toBe(201);
    const { refreshToken } = await from.service.open({ clientId: 'an-app' });
    importAll(exportAll());
    const answer = await fetch(`${to.service.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: 'an-app',
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      }),
    });
    expect(answer.status).toBe(200);
    expect((await refresh(to, refreshToken))[0]).toBe(401);
  });

  test('is told what is wrong with a line that somebody changed, and what is in the way of a file', async () => {
    await from.service.open();
    const file = exportAll();
    const line = JSON.parse(readFileSync(file, 'utf8')) as { session: Record<string, unknown> };
    const changed = [
      { ...line, session: { ...line.session, generation: '1', parent: 'x' } },
      { ...line, session: { ...line.session, secret: 1 } },
      { ...line, lookup: { token: 'x' } },
      { ...line, createdAt: undefined },
    ];
    const { counts, refused } = await importLines(to.service, changed);
    expect(counts.imported).toBe(0);
    expect(refused).toEqual([
      [1, ['session is not as an export writes it: generation, parent']],
      [2, ['session is not as an export writes it: a member that is not known']],
      [3, ['lookup and session are both there']],
      [4, ['createdAt is missing']],
    ]);
    writeFileSync(join(folder, 'there'), 'precious');
    expect(run('export', from.database, join(folder, 'there'))).toEqual({
      status: 1,
      said: `${join(folder, 'there')} is there already: name another\n`,
    });
    expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('precious');
  });

  test('exports to standard output as well, page after page', async () => {
    await from.service.open();
    await from.database.query(
      `INSERT INTO public.sessions SELECT r.* FROM public.sessions s, generate_series(1, 2500) AS n,
         LATERAL jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'device', n)) AS r`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, ['dist/export.js', '-'], {
      env: { PATH: process.env['PATH'], ...SETTINGS, DATABASE_URL: from.database.url },
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    const ids = stdout
      .trim()
      .split('\n')
      .map((each) => (JSON.parse(each) as { session: { id: string } }).session.id);
    expect(new Set(ids).size).toBe(2_501);
    expect(stderr).toBe('2,501 sessions exported\n');
  });
});
