import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that takes its time: what is sent on it arrives later, in the order in which it was sent. */
export class SlowLink {
  /** How long each direction takes, in milliseconds. */
  delay = 0;
  private readonly sockets = new Set<Socket>();
  private stall: { readonly after: string; readonly over: Promise<void> } | undefined;
  private stalled = false;

  private constructor(private readonly server: Server) {}

  /** A link to `port` on this machine. */
  static async to(port: number): Promise<SlowLink> {
    const server = createServer();
    const link = new SlowLink(server);
    server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1');
      link.carry(near, far, (chunk) => {
        link.stalled ||= link.stall !== undefined && chunk.includes(link.stall.after);
      });
      link.carry(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Lets nothing come back once `after` has been sent, until what it gives is called. */
  stallAfter(after: string): () => void {
    let end = (): void => undefined;
    this.stall = { after, over: new Promise((resolve) => (end = resolve)) };
    return () => {
      this.stall = undefined;
      this.stalled = false;
      end();
    };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private carry(from: Socket, to: Socket, seen?: (chunk: Buffer) => void): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    let before: Promise<unknown> = Promise.resolve();
    const later = (deliver: () => void): void => {
      const due = new Promise((resolve) => setTimeout(resolve, this.delay));
      const over = this.stalled && !seen ? this.stall?.over : undefined;
      before = Promise.all([before, due, over]).then(deliver);
    };
    from.on('data', (chunk: Buffer) => {
      seen?.(chunk);
      later(() => to.writable && to.write(chunk));
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.sockets.delete(from);
      later(() => to.destroy());
    });
  }
}
