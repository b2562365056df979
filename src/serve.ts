import { createApp, type App } from './app.js';
import { Mistake } from './command.js';
import type { Config } from './config/config.js';
import { ConfigError, readConfig } from './config/environment.js';
import { CONTRACTS, everyContract } from './contracts/registry.js';
import { RouteClash } from './contracts/contract.js';
import { Drain } from './ops/drain.js';
import { logCrashes, stackOf } from './ops/last-resort.js';
import { SchemaBehind } from './store/database/schema-check.js';
import { UnfitServer } from './store/database/server-check.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { Unavailable } from './core/unavailable.js';
import { welcome } from './welcome.js';

/** Long enough for a load balancer to ask for readiness and hear no, in milliseconds. */
const DRAIN_FOR = 3_000;

/** Why an address cannot be listened at, by the system's code. */
const UNLISTENABLE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'The port is taken, perhaps by another Ratchet: stop that, or set PORT to another',
  EACCES: 'The port may not be listened at: set PORT to one above 1023',
  EADDRNOTAVAIL: 'The address is none of this machine: set HOST to one that is',
  ENOTFOUND: 'The host is not known: set HOST to an address of this machine',
};

/** Errors that the operator can mend: the message is all they need. */
const OPERATORS_ERRORS = [
  ConfigError,
  RouteClash,
  SchemaBehind,
  UnfitServer,
  Unavailable,
  DirectoryInUse,
  Mistake,
];

/** Serves until SIGTERM or SIGINT. Ends the process with 1 if it cannot, and says why. */
export async function serve(): Promise<void> {
  try {
    await start();
  } catch (error) {
    const known = OPERATORS_ERRORS.some((kind) => error instanceof kind);
    process.stderr.write(`${known ? (error as Error).message : stackOf(error)}\n`);
    process.exit(1);
  }
}

async function start(): Promise<void> {
  const config = readConfig(process.env, CONTRACTS, everyContract);
  const app = await createApp(config);
  logCrashes(app.log);
  for (const line of config.misspelt) app.log.warn(line);
  stopOnSignal(app, config);
  await listen(app, config);
  // Whoever reads it may have gone: no reason to go as well.
  process.stdout.on('error', () => undefined);
  process.stdout.write(welcome(config, await app.nest.getUrl()));
}

/** @throws Mistake if the address cannot be had */
async function listen({ nest }: App, { host, port }: Config): Promise<void> {
  try {
    await nest.listen(port, host);
  } catch (error) {
    const sentence = UNLISTENABLE[(error as NodeJS.ErrnoException).code ?? ''];
    throw sentence ? new Mistake(`${sentence} (HOST ${host}, PORT ${port})`) : error;
  }
}

function stopOnSignal({ nest, log }: App, { production }: Config): void {
  const stop = async (signal: string): Promise<void> => {
    log.info({ msg: 'the service ends: what it has begun is answered first', signal });
    nest.get(Drain).start();
    if (production) await new Promise((resolve) => setTimeout(resolve, DRAIN_FOR));
    await nest.close();
    log.info({ msg: 'the service has ended', signal });
    await log.end();
    process.exit(0);
  };
  let stopping: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void (stopping ??= stop(signal)));
  }
}
