// Starts the built service for the tests of the examples, and those in a browser: a process of its own, on a free port, with a database of its own.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

// Whoever interrupts a test leaves nothing behind: see abandon.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/**
 * Starts the service and waits until it listens.
 *
 * @param settings its environment, beside that which this file sets. With a `DATABASE_URL` it migrates that database first;
 *   without, it runs on the embedded one in a temporary folder.
 * @returns `url`; `serviceKey`; `log()`, the lines of all that has been answered, as objects; and `stop()`, which leaves
 *   nothing behind. A process that exits takes it along.
 */
export async function startService(settings = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'ratchet-example-'));
  const serviceKey = randomBytes(32).toString('base64url');
  const env = {
    PATH: process.env.PATH,
    DATA_DIR: directory,
    HOST: '127.0.0.1',
    PORT: '0',
    SERVICE_KEYS: `example:${serviceKey}`,
    REFRESH_TOKEN_KEYS: `1:${randomBytes(32).toString('base64url')}`,
    ...settings,
  };
  try {
    if (env.DATABASE_URL) await run(process.execPath, ['dist/migrate.js'], { cwd: REPOSITORY, env });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const abandon = () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', abandon);
  const stop = async () => {
    await end(child);
    process.off('exit', abandon);
    await rm(directory, { recursive: true, force: true });
  };
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    const url = await listeningUrl(child, () => output);
    return { url, serviceKey, log: () => linesUntilNow(url, () => output), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A TCP port that was free a moment ago: for who must be known before they listen. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const run = promisify(execFile);

function listeningUrl(child, output) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const url = /Server listening at (http:\/\/[^"\s]+)/.exec(output())?.[1];
      if (url) resolve(url);
    };
    child.stdout.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${output()}`)));
  });
}

/** Lines arrive in order: those of what was answered before are there when that of one more request is. */
async function linesUntilNow(url, output) {
  const marker = (await fetch(`${url}/marker`)).headers.get('x-request-id');
  for (let tried = 0; tried < 500; tried++) {
    const lines = linesOf(output());
    if (lines.some(({ requestId }) => requestId === marker)) return lines;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the service logs nothing');
}

/** Each whole line of the log; what is no JSON is for people. */
function linesOf(output) {
  const lines = output.split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const lastResort = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(lastResort);
}
