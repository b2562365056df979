// A TCP link to the service that loses answers when it is told to: what happens between a frontend and its service.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Opens a link, on a free port, to the service at `url`.
 *
 * @returns `url`, the link's own; `lose(path, times)`, which has the next answers to `POST path` lost after the service has
 *   given them; `lost()`, how many were; and `close()`
 */
export async function openLink(url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  let doomed = { path: undefined, left: 0 };
  let lost = 0;

  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let mustLose = false;
    near.on('data', (chunk) => {
      if (doomed.left > 0 && chunk.includes(`POST ${doomed.path} `)) {
        doomed.left--;
        mustLose = true;
      }
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (!mustLose) return near.write(chunk);
      lost++;
      near.resetAndDestroy();
      far.destroy();
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    lose(path, times = 1) {
      doomed = { path, left: times };
    },
    lost: () => lost,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
