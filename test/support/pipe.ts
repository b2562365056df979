import { connect, type Socket } from 'node:net';

/** An answer as it came over a pipe. */
export interface PipedAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A connection that requests are written to as bytes, several in a packet if need be, none waiting for an answer. */
export class Pipe {
  private received = Buffer.alloc(0);

  private constructor(
    private readonly socket: Socket,
    /** When the service has ended the connection; it is never ended from here. */
    readonly ended: Promise<void>,
  ) {
    socket.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on('error', () => undefined);
  }

  /** A connection to the service at `url`. */
  static async to(url: string): Promise<Pipe> {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), noDelay: true });
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await new Promise((resolve) => socket.once('connect', resolve));
    return new Pipe(socket, ended);
  }

  write(...requests: readonly string[]): void {
    this.socket.write(requests.join(''), 'latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  /** The answers that have come as a whole, in their order; those that only ask for more (1xx) are left out. */
  get answers(): PipedAnswer[] {
    const answers: PipedAnswer[] = [];
    for (let rest = this.received; ;) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return answers;
      const [first, ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first!)?.[1]);
      if (Number.isNaN(status)) throw new Error(`no answer: ${rest.toString('latin1')}`);
      const headers = Object.fromEntries(lines.map((line) => headerOf(line)));
      const length = Number(headers['content-length'] ?? 0);
      const body = rest.subarray(end + 4, end + 4 + length);
      if (body.length < length) return answers;
      if (status >= 200) answers.push({ status, headers, text: body.toString() });
      rest = rest.subarray(end + 4 + length);
    }
  }

  /** As many answers, or those there are when the connection has ended. */
  async until(count: number): Promise<PipedAnswer[]> {
    while (this.answers.length < count && !this.socket.destroyed)
      await new Promise((resolve) => {
        this.socket.once('data', resolve);
        this.socket.once('close', resolve);
      });
    return this.answers;
  }
}

/** A request as bytes, with its length and a host. */
export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: 'localhost', ...length, ...headers });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
