import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * How long after the server has stopped listening its last connections may live, in milliseconds: longer than an answer
 * takes. Node ends those that are idle at once, and does not look any more at those that are silent or send by halves.
 */
const CUT_AFTER = 5_000;

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

  /**
   * Lets each answer given while draining close its connection, so that the server need not wait for it to fall idle,
   * and cuts what is left when the server has been closing for a while.
   */
  closeConnectionsOf(server: FastifyInstance): void {
    server.addHook(
      'onSend',
      (_request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void) => {
        if (this.draining) reply.header('connection', 'close');
        done();
      },
    );
    server.addHook('preClose', (done: () => void) => {
      setTimeout(() => server.server.closeAllConnections(), CUT_AFTER).unref();
      done();
    });
  }
}
