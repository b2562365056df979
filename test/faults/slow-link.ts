import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that takes its time: what is sent on it arrives later, in the order in which it was sent. */
export class SlowLink {
  /** How long each direction takes, in milliseconds. */
  delay = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** A link to `port` on this machine. */
  static async to(port: number): Promise<SlowLink> {
    const server = createServer();
    const link = new SlowLink(server);
    server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1');
      link.carry(near, far);
      link.carry(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private carry(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    let before: Promise<unknown> = Promise.resolve();
    const later = (deliver: () => void): void => {
      const due = new Promise((resolve) => setTimeout(resolve, this.delay));
      before = Promise.all([before, due]).then(deliver);
    };
    from.on('data', (chunk: Buffer) => later(() => to.writable && to.write(chunk)));
    from.on('error', () => undefined);
    from.on('close', () => {
      this.sockets.delete(from);
      later(() => to.destroy());
    });
  }
}
