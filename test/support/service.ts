import { spawn, type ChildProcess } from 'node:child_process';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config/environment.ts';
import { contracts } from '../contracts/every-contract.ts';
import { freePort } from './postgres.ts';

/** A service key's secret, for tests. */
export const SERVICE_KEY = 'test-service-key-of-at-least-32-characters';

/** Settings that every test service shares. Rate limits are off: a test that is about them sets them. */
export const SETTINGS: Readonly<Record<string, string>> = {
  PORT: '0',
  REFRESH_TOKEN_KEYS: '1:test-refresh-token-key-of-at-least-32-characters',
  SERVICE_KEYS: `test:${SERVICE_KEY}`,
  ISSUER: 'https://auth.example.com',
  AUDIENCE: 'https://api.example.com',
  RATE_LIMIT_PER_ADDRESS: '0',
  RATE_LIMIT_PER_SESSION: '0',
  RATE_LIMIT_WRONG_SERVICE_KEYS: '0',
  RATE_LIMIT_UNKNOWN_TOKENS: '0',
  LOG_LEVEL: 'silent',
  BATCH_SIZE: process.env['TEST_BATCH_SIZE'] ?? '64',
};

/** A session as POST /sessions opened it. */
export interface OpenedSession {
  session: { id: string; subject: string };
  accessToken: string;
  refreshToken: string;
  setCookie: string;
}

/** A running service, in this process or in its own, and what tests ask of it most. */
export class TestService {
  constructor(
    /** Such as `http://127.0.0.1:40123`. */
    readonly url: string,
    readonly stop: () => Promise<void>,
    /** The service, if it runs in this process. */
    readonly app?: App,
    /** Its process, if it runs in its own. */
    readonly process?: ChildProcess,
  ) {}

  /** Opens a session over HTTP. */
  async open(session: Record<string, unknown> = {}): Promise<OpenedSession> {
    const response = await this.api('POST', '/sessions', { subject: 'ada', ...session });
    if (response.status !== 201)
      throw new Error(`POST /sessions: ${response.status} ${await response.text()}`);
    return (await response.json()) as OpenedSession;
  }

  /** Calls the sessions API with the service key. */
  api(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = {
      authorization: `Bearer ${SERVICE_KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return fetch(this.url + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Refreshes over the PLEC contract with the token in the body. */
  refresh(refreshToken: string, query = ''): Promise<Response> {
    return this.post(`/auth/refresh${query}`, { refreshToken });
  }

  /** Posts JSON. */
  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }
}

/** Starts the service in this process; it knows the contracts that stand only among the tests, too. */
export async function startService(settings: Record<string, string>): Promise<TestService> {
  const config = readConfig({ ...SETTINGS, ...settings }, contracts);
  const app = await createApp(config, contracts);
  await app.nest.listen(config.port, '127.0.0.1');
  return new TestService(await app.nest.getUrl(), () => app.nest.close(), app);
}

/** Starts the service in this process with its own URL as its issuer, as discovery wants it. */
export async function startIssuer(settings: Record<string, string>): Promise<TestService> {
  const port = await freePort();
  return startService({ PORT: String(port), ISSUER: `http://127.0.0.1:${port}`, ...settings });
}

/** Starts the built service in a process of its own. */
export async function spawnService(
  settings: Record<string, string>,
  [command, args]: [string, string[]] = [process.execPath, ['dist/main.js']],
): Promise<TestService> {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'], ...SETTINGS, LOG_LEVEL: 'info', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await listeningUrl(child);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await gone;
  };
  return new TestService(url, stop, undefined, child);
}

/** Starts the service in a process of its own, with the contracts that stand only among the tests, too. */
export function spawnEveryContract(settings: Record<string, string>): Promise<TestService> {
  const args = ['--import', './test/support/typescript.js', 'test/support/every-contract.main.ts'];
  return spawnService({ HOST: '127.0.0.1', ...settings }, [process.execPath, args]);
}

function listeningUrl(child: ChildProcess): Promise<string> {
  const streams = [child.stdout!, child.stderr!];
  return new Promise((resolve, reject) => {
    let output = '';
    const listen = (chunk: Buffer): void => {
      output += chunk.toString();
      const url = /Server listening at (http:\/\/[^"\s]+)/.exec(output)?.[1];
      if (!url) return;
      // Whether anybody else listens or not: a pipe that nobody reads would fill, and stop the service.
      for (const stream of streams) stream.off('data', listen).resume();
      resolve(url);
    };
    for (const stream of streams) stream.on('data', listen);
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${output}`)));
  });
}
