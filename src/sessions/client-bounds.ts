import { Injectable } from '@nestjs/common';
import type { Client } from '../core/client.js';
import type { Flaw } from '../core/refusal.js';
import { isWithinScope } from '../core/scope.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import type { LifetimesDto } from '../http/validation/lifetimes.dto.js';
import type { Nullable } from '../http/validation/nullable.js';
import { ClientStore } from '../store/client-store.js';
import type { OpenSessionDto } from './session-opening.dto.js';

/** Holds what a login backend asks for against what the session's client may have. Throws Unavailable as the store does. */
@Injectable()
export class ClientBounds {
  constructor(private readonly clients: ClientStore) {}

  /**
   * The registered client that a new session is bound to; undefined if it is to be no client's.
   *
   * @throws RefusalException if there is no such client, or the session goes beyond what the client may have
   */
  async clientOf(wanted: OpenSessionDto): Promise<Client | undefined> {
    const { clientId, unbound, scope, lifetimes, dpopJkt } = wanted as Nullable<OpenSessionDto>;
    const client = isAbsent(clientId) ? undefined : await this.clients.find(clientId);
    refuse([
      ...flawsOfBinding(clientId, client, unbound ?? false),
      ...flawsOfScope(scope, client),
      ...flawsOfLifetimes(lifetimes ?? {}, client),
      ...flawsOfKey(dpopJkt, client),
    ]);
    return client;
  }

  /** Whether the client of a session may have `scope`. @throws RefusalException if it may not */
  async checkScope(scope: string, clientId: string): Promise<void> {
    refuse(flawsOfScope(scope, await this.clients.find(clientId)));
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function refuse(flaws: readonly Flaw[]): void {
  if (flaws.length > 0) throw new RefusalException({ reason: 'invalid_request', flaws });
}

function flaw(name: string, message: string): Flaw[] {
  return [{ in: 'body', name, message }];
}

/** A session that names a client, and is open to whoever has its token, must have been meant so. */
function flawsOfBinding(clientId: unknown, client: Client | undefined, unbound: boolean): Flaw[] {
  if (client && unbound)
    return flaw(
      'unbound',
      'unbound must be left out: clientId names a registered client, whose sessions are bound to it',
    );
  if (isAbsent(clientId) || client || unbound) return [];
  return flaw(
    'clientId',
    'clientId must be the id of a registered client: register it with POST /clients, or send unbound: true for a session that any client may refresh',
  );
}

function flawsOfScope(scope: string | null | undefined, client: Client | undefined): Flaw[] {
  if (isAbsent(scope) || !client || isWithinScope(scope, client.scope)) return [];
  return flaw('scope', `scope must be within that of the client: ${client.scope}`);
}

function flawsOfLifetimes(lifetimes: Nullable<LifetimesDto>, client: Client | undefined): Flaw[] {
  const bounds = { accessToken: client?.accessTokenTtl, idle: client?.idleTtl, max: client?.maxTtl };
  return (Object.keys(bounds) as (keyof LifetimesDto)[]).flatMap((name) => {
    const [wanted, bound] = [lifetimes[name], bounds[name]];
    if (isAbsent(wanted) || isAbsent(bound) || wanted <= bound) return [];
    const place = `lifetimes.${name}`;
    return flaw(place, `${place} must be at most that of the client: ${bound} seconds`);
  });
}

function flawsOfKey(dpopJkt: unknown, client: Client | undefined): Flaw[] {
  if (!isAbsent(dpopJkt) && !client) return flaw('dpopJkt', 'dpopJkt is for sessions of a registered client');
  // Or its first access token would be good for whoever has it (RFC 9449 section 5).
  return client?.dpopRequired && isAbsent(dpopJkt)
    ? flaw('dpopJkt', 'dpopJkt is required, since the client must prove its key (dpopRequired)')
    : [];
}
