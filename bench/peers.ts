import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchEnvironment } from './environment.ts';
import { measure, median, type Figures, type Span } from './measure.ts';
import { stopProcess, type Server } from './processes.ts';
import { machine } from './report.ts';
import { CLIENT, CLIENT_CREDENTIALS, tokenOf } from './sessions.ts';
import { FIGURE_COLUMNS, figureCells, table } from './table.ts';

/**
 * The service beside others that rotate refresh tokens: `npm run bench:peers`, about six minutes. The same client, load and
 * PostgreSQL for all, on the Node of the image, in turn, three times; the middle round counts. Each signs its access tokens
 * with ES256, and first has to show that it rotates and that it refuses a token it has exchanged.
 */
const PEERS = {
  'oidc-provider': 'oidc-provider',
  '@node-oauth/oauth2-server': 'oauth2-server',
  'better-auth': 'better-auth',
} as const;
const FOLDER = 'bench/peers';
const SESSIONS = 1_000;
const LOAD = { sessions: SESSIONS, loops: 64 } as const;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const SPAN: Span = options.quick
  ? { warmUp: 2, count: { seconds: 2 } }
  : { warmUp: 4, count: { seconds: 6 } };
const ROUNDS = options.quick ? 1 : 3;

execFileSync('npm', ['ci', '--silent', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' });
const seedFolder = mkdtempSync(join(tmpdir(), 'ratchet-peers-'));
const seed = join(seedFolder, 'seed.json');
// The last is for the proof, which may cost its session.
const tokens = Array.from({ length: SESSIONS + 1 }, (_, index) => tokenOf(index));
writeFileSync(seed, JSON.stringify({ tokens, client: CLIENT }));

const environment = await BenchEnvironment.build();
process.once('SIGINT', () => void environment.clear().finally(() => process.exit(1)));
try {
  const seen = new Map<string, Figures[]>();
  for (let round = 1; round <= ROUNDS; round++) {
    const take = async (
      name: string,
      server: Server,
      scenario: 'rotate-oauth' | 'rotate-body',
    ): Promise<void> => {
      process.stderr.write(`round ${round} of ${ROUNDS}: ${name}\n`);
      if (scenario === 'rotate-oauth') await proveRotation(name, server);
      const figures = await measure(name, [server], { ...LOAD, scenario }, SPAN, environment.databasePid);
      seen.set(name, [...(seen.get(name) ?? []), figures]);
    };
    const service = await environment.service();
    await environment.fill(SESSIONS + 1, { bound: true });
    await take('Ratchet, /oauth/token', service, 'rotate-oauth');
    await environment.fill(SESSIONS);
    await take('Ratchet, /auth/refresh', service, 'rotate-body');
    await stopProcess(service.process);
    for (const [name, script] of Object.entries(PEERS)) {
      const settings = { NODE_ENV: 'production', SEED: seed };
      const server = await environment.peer(script, join(FOLDER, `${script}.js`), settings);
      await take(`${name} ${versionOf(name)}`, server, 'rotate-oauth');
      await stopProcess(server.process);
    }
  }
  const [own] = seen.values();
  const best = median(own!);
  const rows = [...seen].map(([name, rounds]) => {
    const figures = median(rounds);
    const [rate, ...others] = figureCells(figures);
    return [name, rate!, (best.rate / figures.rate).toFixed(1), ...others];
  });
  const head = ['', 'refreshes/s', 'the first is … times', ...FIGURE_COLUMNS];
  process.stdout.write(`\nOn ${await machine(environment)}:\n\n${table(head, rows)}\n`);
} finally {
  await environment.clear();
  rmSync(seedFolder, { recursive: true, force: true });
}

/** @throws Error unless it exchanges a refresh token for another and an ES256 access token, and then refuses the first */
async function proveRotation(name: string, server: Server): Promise<void> {
  const exchange = async (): Promise<{ status: number; body: Record<string, string> }> => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${CLIENT_CREDENTIALS}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.at(-1)! }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const [first, second] = [await exchange(), await exchange()];
  const [header] = (first.body['access_token'] ?? '').split('.', 1);
  const isSigned = header !== '' && Buffer.from(header!, 'base64url').toString().includes('"alg":"ES256"');
  const successor = first.body['refresh_token'];
  if (first.status === 200 && isSigned && successor && successor !== tokens.at(-1) && second.status === 400)
    return;
  throw new Error(`${name} does not rotate: ${JSON.stringify([first, second])}`);
}

function versionOf(name: string): string {
  const described = readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(described) as { version: string }).version;
}
