import { Injectable } from '@nestjs/common';

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
}
