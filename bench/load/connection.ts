import { connect, type Socket } from 'node:net';

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const LAST_CHUNK = '\r\n0\r\n\r\n';

/**
 * One kept-alive HTTP/1.1 connection, one request at a time. Written for this bench alone: a general client would cost
 * more than the servers that it is to measure, on the cores that they share. It reads answers with a Content-Length, and
 * chunked ones, in whose body it leaves the sizes of the chunks.
 */
export class Connection {
  private received = '';
  private waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (chunk: string) => this.read(chunk));
    socket.on('error', (error) => this.waiting?.reject(error));
    socket.on('close', () => this.waiting?.reject(new Error('the server closed the connection')));
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Connection(socket))).once('error', reject);
    });
  }

  /** Sends a request as it is written, and gives the answer. */
  send(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.waiting = undefined;
    this.socket.destroy();
  }

  private read(chunk: string): void {
    this.received += chunk;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.received.slice(0, end);
    const start = end + 4;
    const last = /transfer-encoding: chunked/i.test(head)
      ? this.received.indexOf(LAST_CHUNK, end + 2)
      : undefined;
    const stop =
      last === undefined
        ? start + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        : last + LAST_CHUNK.length;
    if (last === -1 || this.received.length < stop) return;
    const body = this.received.slice(start, stop);
    this.received = this.received.slice(stop);
    this.waiting?.resolve({ status: Number(head.slice(9, 12)), head, body });
  }
}

/** A request as it goes over the wire. */
export function post(path: string, body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}
