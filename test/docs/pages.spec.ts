import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { decodeJwt } from 'jose';
import { parse } from 'yaml';
import { RECOMMENDED } from '../faults/cluster/patroni-node.ts';
import { SERVICE_KEY, SETTINGS, spawnService } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { anchorsOf, blocksOf, linksOf, type Block } from './page.ts';

const PAGES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((page) => page && existsSync(page));
const FOR_READERS = PAGES.filter((page) => page === 'README.md' || page.startsWith('docs/'));
const BLOCKS = FOR_READERS.flatMap(blocksOf);

/** A shell in which an answer that is no success fails, and the session and the key that the pages speak of are there. */
const BEFORE = `set -euo pipefail
curl() { command curl --fail-with-body --max-time 20 "$@"; }
KEY=$(cat data/service-key)
OPENED=$(curl -s "$URL/sessions" -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d '{"subject":"ada"}')
RT=$(node -pe 'JSON.parse(process.argv[1]).refreshToken' "$OPENED")
ID=$(node -pe 'JSON.parse(process.argv[1]).session.id' "$OPENED")
ACCESS_TOKEN=$(node -pe 'JSON.parse(process.argv[1]).accessToken' "$OPENED")
`;
const LOG_LINE = blocksOf('docs/operators.md').find(({ language }) => language === 'json')!.code;

describe('whoever pastes what the pages show', () => {
  const { database, service } = useService({ CONTRACTS: 'plec,oauth' }, { by: spawnService });
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ratchet-pages-'));
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/service-key'), SERVICE_KEY);
    writeFileSync(join(folder, 'log'), LOG_LINE);
    for (const name of ['dist', 'node_modules', 'package.json'])
      symlinkSync(resolve(name), join(folder, name));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a block prints. It must succeed. */
  function paste({ code }: Block): string {
    const script = BEFORE + code.replaceAll('http://localhost:3000', service.url);
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH: process.env['PATH'], ...SETTINGS, DATABASE_URL: database.url, URL: service.url },
    });
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
    return stdout;
  }

  const shells = BLOCKS.filter(({ language, runBy }) => language === 'sh' && !runBy);
  test.each(shells.map((block): [string, Block] => [`${block.page}:${block.line}`, block]))(
    'sees %s do what it says',
    (_place, block) => {
      paste(block);
    },
  );

  test('finds in the answer to POST /sessions what the page for login backends shows, and all its members', async () => {
    const members = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, members(inner)]))
        : typeof value;
    const [shown] = blocksOf('docs/login-backends.md').filter(({ language }) => language === 'json');
    const opened = await service.open({ device: 'Firefox on Linux', claims: { role: 'admin' } });
    expect(members(JSON.parse(shown!.code))).toEqual(members(opened));

    const { components } = JSON.parse(readFileSync('openapi/sessions.json', 'utf8')) as {
      components: { schemas: { OpenSessionDto: { properties: object } } };
    };
    const page = readFileSync('docs/login-backends.md', 'utf8');
    const told = page.split('## What a session is opened with')[1]!.split('##')[0]!;
    const known = Object.keys(components.schemas.OpenSessionDto.properties);
    expect(known.filter((name) => !told.includes(`\`${name}`))).toEqual([]);
  });

  test('hears from introspection that the token is good', () => {
    const [ask] = blocksOf('docs/apis.md').filter(({ code }) => code.includes('/oauth/introspect'));
    const again = { ...ask!, code: ask!.code.replaceAll('arrivals-api', 'another-api') };
    expect(JSON.parse(paste(again))).toMatchObject({ active: true, sub: 'ada' });
  });

  test('finds in an access token what the page for APIs shows', async () => {
    const { accessToken } = await service.open({ claims: { role: 'admin' } });
    const [shown] = blocksOf('docs/apis.md').filter(({ language }) => language === 'json');
    const names = Object.keys(JSON.parse(shown!.code) as object);
    expect(names.toSorted()).toEqual(Object.keys(decodeJwt(accessToken)).toSorted());
  });
});

describe('a page', () => {
  test('leaves no block of code to nobody', () => {
    // SQL is test/moving/recipes.spec.ts's.
    const here = ['json', 'yaml', 'haproxy', 'mermaid', 'text', 'sql'];
    const elsewhere = BLOCKS.filter(({ language, runBy }) =>
      language === 'sh' ? runBy : !here.includes(language),
    );
    const missing = elsewhere.filter(({ runBy, code }) => {
      if (!runBy || runBy.startsWith('run by hand')) return !runBy;
      const runs = runBy
        .slice('run by '.length)
        .split(', ')
        .map((file) => readFileSync(file, 'utf8'));
      const commands = code.split(/\n|&&/).map((command) => command.replace(/\s+#.*/, '').trim());
      return !commands.every((command) => runs.join('\n').includes(command));
    });
    expect(missing).toEqual([]);
    // Without Docker, the files are checked for what they say alone.
    const byHand = elsewhere.filter(({ runBy }) => runBy?.startsWith('run by hand'));
    expect(byHand.map(({ runBy }) => runBy)).toEqual(
      byHand.map(({ page }) =>
        page === 'docs/kubernetes.md' ? 'run by hand: it needs a cluster' : 'run by hand: it needs Docker',
      ),
    );
  });

  test('recommends to Patroni and HAProxy what a cluster was tested with', () => {
    const [patroni, haproxy] = ['yaml', 'haproxy'].map(
      (language) => blocksOf('docs/cluster.md').find((block) => block.language === language)!.code,
    );
    const { bootstrap } = parse(patroni!) as { bootstrap: { dcs: Record<string, unknown> } };
    const { postgresql, ...settings } = bootstrap.dcs;
    expect([settings, postgresql]).toEqual([RECOMMENDED, { use_pg_rewind: true }]);
    const tested = readFileSync('test/faults/cluster/patroni-cluster.ts', 'utf8');
    const asked = haproxy!.split('\n').filter((line) => /^ {2}(option|http-check|default-server)/.test(line));
    expect(asked.filter((line) => !tested.includes(line.trim()))).toEqual([]);
    expect(asked).toHaveLength(3);
  });

  test.each(PAGES)('%s links to what is there', (page) => {
    const broken = linksOf(page).filter(
      ({ file, anchor }) =>
        !existsSync(file) || (anchor && file.endsWith('.md') && !anchorsOf(file).includes(anchor)),
    );
    expect(broken).toEqual([]);
  });

  test('README.md is read in a few minutes', () => {
    expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThan(200);
  });
});
