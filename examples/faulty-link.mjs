// A TCP link to the service that loses or makes up answers when it is told to: what happens between a frontend and its service.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Opens a link, on a free port, to the service at `url`.
 *
 * @returns `url`, the link's own; `lose(path, times)`, which has the next answers to `POST path` lost after the service has
 *   given them; `lost()`, how many were; `answer(path, text)`, which has the next `POST path` answered with `text`, or never
 *   if that is empty, and not by the service; and `close()`
 */
export async function openLink(url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  let doomed = { path: undefined, left: 0 };
  let lost = 0;

  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let mustLose = false;
    let isAnswered = false;
    near.on('data', (chunk) => {
      if (doomed.left > 0 && chunk.includes(`POST ${doomed.path} `)) {
        doomed.left--;
        if (doomed.instead !== undefined) {
          isAnswered = true;
          return near.write(doomed.instead);
        }
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
        // Who is answered here is not to be told that the service has hung up.
        if (!isAnswered || socket === near) other.destroy();
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
    answer(path, instead) {
      doomed = { path, left: 1, instead };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
