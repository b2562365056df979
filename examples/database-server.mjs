// A PostgreSQL server of an example's own that can be stopped: the service then answers 503, as in any outage.
import '../test/support/typescript.js';

/** Starts one: `url` is for DATABASE_URL; `stop()` and `resume()` it, as often as you like; `destroy()` leaves nothing behind. */
export async function startDatabase() {
  const { PostgresServer } = await import('../test/support/postgres.ts');
  const server = await PostgresServer.start();
  let isRunning = true;
  process.once('exit', () => kill(server.pid));
  return {
    url: server.url(),
    async stop() {
      isRunning = false;
      await server.stop();
    },
    async resume() {
      if (!isRunning) await server.resume();
      isRunning = true;
    },
    destroy: () => server.destroy(),
  };
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It has ended.
  }
}
