import type { Log } from './log.js';

/**
 * Writes what nobody caught, an exception or a promise's rejection, into the log, and ends the process with 1: what state
 * it has left behind is unknown, and whoever watches over the process starts it anew.
 */
export function logCrashes(log: Log): void {
  // Node makes an exception of a rejection that nobody handles, and tells by `origin`.
  process.once('uncaughtException', (error: unknown, origin) => {
    log.fatal({ origin, error: stackOf(error), msg: 'nobody caught an error: the service ends' });
    void log.end().then(() => process.exit(1));
  });
}

/** What is known of something that was thrown, which may be no Error. */
export function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : String(error);
}
