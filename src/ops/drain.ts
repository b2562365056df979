import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Whether the process is on its way out: readiness says so first, so that no new requests are sent here. */
@Injectable()
export class Drain {
  private draining = false;

  get started(): boolean {
    return this.draining;
  }

  start(): void {
    this.draining = true;
  }

  /** Lets each answer given while draining close its connection: the server need not wait for it to fall idle. */
  closeConnectionsOf(server: FastifyInstance): void {
    server.addHook(
      'onSend',
      (_request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void) => {
        if (this.draining) reply.header('connection', 'close');
        done();
      },
    );
  }
}
