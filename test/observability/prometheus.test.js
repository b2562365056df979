// What operators look at: the metrics by promtool, the rules by their tests, and rules and dashboard by a real Prometheus that
// scrapes the service. npm run test:observability; needs Debian's prometheus, or PROMETHEUS and PROMTOOL.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';

const { PROMTOOL = 'promtool', PROMETHEUS = 'prometheus' } = process.env;
const RULES = 'deploy/prometheus/rules.yml';
const rules = parse(await readFile(RULES, 'utf8')).groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(await readFile('deploy/grafana/ratchet.json', 'utf8'));
/** What rules and panels ask, with the variables of Grafana filled in. */
const asked = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
].map((expr) => expr.replaceAll('$job', 'ratchet').replaceAll('$__rate_interval', '1m'));

const children = [];
let folder;
let url;
let key;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-observability-'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  start(process.execPath, ['dist/main.js'], { PORT: String(port), DATA_DIR: join(folder, 'data') });
  await until(async () => (await fetch(`${url}/health/ready`)).ok);
  key = (await readFile(join(folder, 'data/service-key'), 'utf8')).trim();
  // Something of each kind: a refresh, its retry, a refusal, a logout.
  const { refreshToken } = await (await post('/sessions', { subject: 'ada' }, key)).json();
  for (const path of ['/auth/refresh', '/auth/refresh', '/auth/logout', '/auth/refresh'])
    await post(path, { refreshToken });
});

after(async () => {
  for (const child of children.reverse()) {
    const gone = once(child, 'exit');
    if (child.kill('SIGTERM')) await gone;
  }
  await rm(folder, { recursive: true });
});

test('promtool has nothing against the metrics', async () => {
  const said = execFileSync(PROMTOOL, ['check', 'metrics'], { input: await metrics(), encoding: 'utf8' });
  assert.equal(said, '');
});

test('the rules are well-formed, and say what their tests say', () => {
  execFileSync(PROMTOOL, ['check', 'rules', '--lint-fatal', RULES], { stdio: 'pipe' });
  execFileSync(PROMTOOL, ['test', 'rules', 'deploy/prometheus/rules.test.yml'], { stdio: 'pipe' });
});

test('each alert is tested, both ways', async () => {
  const { tests } = parse(await readFile('deploy/prometheus/rules.test.yml', 'utf8'));
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  const alerts = rules.flatMap(({ alert }) => alert ?? []);
  for (const fires of [true, false]) {
    const tested = cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires);
    assert.deepEqual(
      alerts.filter((alert) => !tested.some(({ alertname }) => alertname === alert)),
      [],
    );
  }
});

test('every metric that rules and dashboard name is there', async () => {
  const there = (await metrics()).matchAll(/^# TYPE (\S+) (\w+)$/gm);
  const names = new Set();
  for (const [, name, type] of there) {
    names.add(name);
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
    if (type === 'summary') for (const part of ['sum', 'count']) names.add(`${name}_${part}`);
  }
  const named = asked.flatMap((expr) => expr.match(/\b(ratchet|nodejs|process)_\w+/g) ?? []);
  assert.ok(named.length > 40);
  assert.deepEqual(
    [...new Set(named)].filter((name) => !names.has(name)),
    [],
  );
});

test('every metric of the service is told of in docs/operators.md', async () => {
  const page = await readFile('docs/operators.md', 'utf8');
  const own = Array.from((await metrics()).matchAll(/^# TYPE (ratchet_\w+)/gm), ([, name]) => name);
  assert.deepEqual(
    own.filter((name) => !page.includes(`\`${name}`)),
    [],
  );
});

test('a Prometheus finds the service, and has an answer to all that rules and dashboard ask', async () => {
  const config = parse(await readFile('deploy/prometheus/prometheus.yml', 'utf8'));
  const [job] = config.scrape_configs;
  const port = await freePort();
  await writeFile(join(folder, 'key'), key);
  job.authorization.credentials_file = join(folder, 'key');
  job.static_configs = [{ targets: [new URL(url).host] }];
  config.rule_files = [resolve(RULES)];
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  start(PROMETHEUS, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const api = async (path) => (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json();
  const ask = (expr) => api(`query?query=${encodeURIComponent(expr)}`);
  await until(
    async () =>
      (await ask('ratchet_refreshes_total{job="ratchet", contract="plec"}')).data?.result[0]?.value[1] ===
      '2',
  );
  for (const expr of asked) assert.equal((await ask(expr)).status, 'success', expr);
  let loaded;
  await until(async () => {
    loaded = (await api('rules')).data.groups.flatMap((group) => group.rules);
    return loaded.every(({ health }) => health !== 'unknown');
  });
  assert.deepEqual(
    loaded.map(({ health, state = 'inactive' }) => [health, state]),
    rules.map(() => ['ok', 'inactive']),
  );
});

function start(command, args, env = {}) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.resume();
  children.push(child);
}

async function metrics() {
  return (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).text();
}

function post(path, body, bearer) {
  const headers = {
    'content-type': 'application/json',
    ...(bearer && { authorization: `Bearer ${bearer}` }),
  };
  return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Waits until a question is answered yes; one that fails is asked again. */
async function until(question) {
  const end = Date.now() + 60_000;
  while (!(await question().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited for a minute: ${question}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
