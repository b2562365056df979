import { Controller, Inject, UseGuards, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthService } from '../auth/auth.service.js';
import { RevocationService } from '../auth/revocation.service.js';
import { AddressLimitGuard } from '../http/address-limit.guard.js';
import { ContractCall } from './contract-call.js';
import type { Mount, Mounted } from './contract.js';
import { folderOf } from './routes.js';

/** What every contract's controller is: a place where it is mounted, and a way through for its requests. */
export class ContractController implements Mounted {
  declare readonly mount: Mount;
  // By property, so that a contract's own constructor has only what is its own.
  @Inject(AuthService) private readonly auth!: AuthService;
  @Inject(RevocationService) private readonly revocation!: RevocationService;

  /** The way through for one request. */
  protected call(request: FastifyRequest, reply: FastifyReply): ContractCall {
    return new ContractCall(request, reply, this.mount, this.auth, this.revocation);
  }
}

/** A mount's controllers, as classes of their own: Nest keeps the path on the class, and a contract may be mounted twice. */
export function controllersOf(mount: Mount): Type[] {
  return mount.definition.controllers.map((controller) => {
    @Controller(mount.at(folderOf(controller)))
    @UseGuards(AddressLimitGuard)
    class MountedController extends controller {
      override readonly mount = mount;
    }
    return MountedController;
  });
}
