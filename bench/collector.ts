import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// A collector that takes traces and keeps nothing, to be run beside a benchmark.
const server = createServer((request, response) => {
  request.resume().once('end', () => response.setHeader('content-type', 'application/json').end('{}'));
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
