import { createApp, type App } from './app.js';
import type { Config } from './config/config.js';
import { ConfigError, readConfig } from './config/environment.js';
import { contractNames, everyContract } from './contracts/registry.js';
import { RouteClash } from './contracts/contract.js';
import { Drain } from './ops/drain.js';
import { SchemaBehind } from './store/schema-check.js';
import { DirectoryInUse } from './store/directory-lock.js';
import { StoreUnavailable } from './store/session-store.js';
import { welcome } from './welcome.js';

/** Long enough for a load balancer to ask for readiness and hear no, in milliseconds. */
const DRAIN_FOR = 3_000;

/** Errors that the operator can mend: the message is all they need. */
const OPERATORS_ERRORS = [ConfigError, RouteClash, SchemaBehind, StoreUnavailable, DirectoryInUse];

async function main(): Promise<void> {
  const config = readConfig(process.env, contractNames, everyContract);
  const app = await createApp(config);
  stopOnSignal(app, config);
  await app.nest.listen(config.port, config.host);
  process.stdout.write(welcome(config, await app.nest.getUrl()));
}

function stopOnSignal({ nest }: App, { production }: Config): void {
  const stop = async (): Promise<void> => {
    nest.get(Drain).start();
    if (production) await new Promise((resolve) => setTimeout(resolve, DRAIN_FOR));
    await nest.close();
    process.exit(0);
  };
  let stopping: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void (stopping ??= stop()));
  }
}

try {
  await main();
} catch (error) {
  const known = OPERATORS_ERRORS.some((kind) => error instanceof kind);
  process.stderr.write(`${known ? (error as Error).message : stackOf(error)}\n`);
  process.exit(1);
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : String(error);
}
