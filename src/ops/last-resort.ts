import { openLog } from './log.js';

/** How long what else is to be written has, in milliseconds: whoever reads the log may have stopped. */
const FLUSH_WITHIN = 1_000;

/**
 * Writes what nobody caught, an exception or a promise's rejection, into the log, and ends the process with 1: what state
 * it has left behind is unknown, and whoever watches over the process starts it anew.
 */
export function logCrashes(log: ReturnType<typeof openLog>): void {
  // Node makes an exception of a rejection that nobody handles, and tells by `origin`.
  process.once('uncaughtException', (error: unknown, origin) => {
    // Not by way of `log`: into a pipe that nobody reads, it would try to write its fatal line for ever.
    const atOnce = openLog('fatal', { sync: true });
    atOnce.fatal({ origin, error: stackOf(error), msg: 'nobody caught an error: the service ends' });
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), FLUSH_WITHIN);
    log.flush(() => process.exit(1));
  });
}

/** What is known of something that was thrown, which may be no Error. */
export function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : String(error);
}
