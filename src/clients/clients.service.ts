import { createHash, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { usualRefreshMode, type Client, type ClientChange, type NewClient } from '../core/client.js';
import type { Flaw } from '../core/refusal.js';
import { ApiException } from '../http/errors/api.exception.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import type { Nullable } from '../http/validation/nullable.js';
import { ClientStore } from '../store/client-store.js';
import {
  DEFAULT_OVERLAP,
  type AmendClientDto,
  type NewSecretDto,
  type RegisterClientDto,
} from './clients.dto.js';

/** A page of clients. */
export interface ClientPage {
  readonly clients: readonly Client[];
  /** The last of them, if there are more. */
  readonly last: Client | undefined;
}

/** A client that was registered, and its secret if it has one: only a hash of it is kept. */
export interface Registration {
  readonly client: Client;
  readonly secret: string | undefined;
}

/** The registered clients, as operators ask for them. Every verb throws Unavailable as the store does. */
@Injectable()
export class ClientsService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clients: ClientStore,
  ) {}

  /** Registers a client; undefined if its id is taken. @throws RefusalException if its settings do not go together */
  async register(body: RegisterClientDto): Promise<Registration | undefined> {
    const authMethod = body.authMethod ?? 'client_secret_basic';
    const dpopRequired = body.dpopRequired ?? false;
    const secret = authMethod.startsWith('client_secret') ? newSecret() : undefined;
    const wanted: NewClient = {
      id: body.id,
      name: body.name ?? null,
      authMethod,
      secretHash: secret === undefined ? null : hashOf(secret),
      jwks: body.jwks ?? null,
      refreshMode: body.refreshMode ?? usualRefreshMode({ authMethod, dpopRequired }),
      dpopRequired,
      scope: body.scope ?? null,
      audiences: body.audiences ?? [],
      accessTokenTtl: body.lifetimes?.accessToken ?? null,
      idleTtl: body.lifetimes?.idle ?? null,
      maxTtl: body.lifetimes?.max ?? null,
      rotationGrace: body.rotationGrace ?? null,
      recoveryWindow: body.recoveryWindow ?? null,
    };
    this.check(wanted);
    if (!(await this.clients.add(wanted))) return undefined;
    return { client: (await this.clients.find(wanted.id))!, secret };
  }

  /** Changes a client; undefined if there is none. @throws RefusalException if its settings would not go together */
  async amend(id: string, body: AmendClientDto): Promise<Client | undefined> {
    for (;;) {
      const client = await this.clients.find(id);
      if (!client) return undefined;
      const change = changeOf(client, body);
      this.check({ ...client, ...change });
      // Unless somebody else has changed it meanwhile: then it is judged anew.
      const amended = await this.clients.amend(client, change);
      if (amended) return amended;
    }
  }

  /** Up to `limit` clients, from after the id `after`. */
  async list(limit: number, after?: string): Promise<ClientPage> {
    const found = await this.clients.list(limit + 1, after);
    const clients = found.slice(0, limit);
    return { clients, last: found.length > limit ? clients.at(-1) : undefined };
  }

  /** Gives a client a new secret; undefined if there is no such client. @throws ApiException if it cannot have one more */
  async replaceSecret(
    id: string,
    { overlap, keep }: Nullable<NewSecretDto>,
  ): Promise<Registration | undefined> {
    const secret = newSecret();
    const change = { hash: hashOf(secret), overlap: overlap ?? DEFAULT_OVERLAP, keep: keep ?? undefined };
    const client = await this.clients.replaceSecret(id, change);
    if (client) return { client, secret };
    const unchanged = await this.clients.find(id);
    if (!unchanged) return undefined;
    throw unchanged.secretHash === null ? noSecret(unchanged) : twoSecrets(unchanged);
  }

  /** Whether its settings go together. */
  private check(client: NewClient): void {
    const idle = client.idleTtl ?? this.config.lifetimes.idle;
    const flaws = [
      ...flawsOfKeys(client),
      ...flawsOfMode(client),
      // After its idle deadline there is nothing of a session to recover.
      ...((client.recoveryWindow ?? 0) > idle
        ? flaw('recoveryWindow', `recoveryWindow must be at most what a session may be idle: ${idle} seconds`)
        : []),
    ];
    if (flaws.length > 0) throw new RefusalException({ reason: 'invalid_request', flaws });
  }
}

/** That a client authenticates otherwise. */
export function noSecret({ authMethod }: Pick<Client, 'authMethod'>): ApiException {
  const message = `The client has no secret: its authMethod is ${authMethod}`;
  return new ApiException(409, { message, code: 'NO_SECRET' });
}

/** That another secret would make one bad that may be in use. */
export function twoSecrets({
  previousSecretExpiresAt,
}: Pick<Client, 'previousSecretExpiresAt'>): ApiException {
  const until = previousSecretExpiresAt?.toISOString() ?? 'now';
  const message =
    `Two secrets of the client are good, the older one until ${until}: say with keep ("older" or "newer") which one is ` +
    'to stay good beside the new one, or with overlap 0 that neither is';
  return new ApiException(409, { message, code: 'TWO_SECRETS' });
}

/** A secret of 256 random bits needs no slow hash: there is nothing to guess. */
function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function flaw(name: string, message: string): Flaw[] {
  return [{ in: 'body', name, message }];
}

function flawsOfKeys({ authMethod, jwks }: Pick<Client, 'authMethod' | 'jwks'>): Flaw[] {
  return authMethod !== 'private_key_jwt' && jwks
    ? flaw('jwks', `jwks is for a client of authMethod private_key_jwt, not ${authMethod}`)
    : [];
}

/** A refresh token that never changes, and that whoever holds it may use (RFC 9700 section 2.2.2). */
function flawsOfMode({
  authMethod,
  refreshMode,
  dpopRequired,
}: Pick<Client, 'authMethod' | 'refreshMode' | 'dpopRequired'>): Flaw[] {
  return authMethod === 'none' && refreshMode === 'touch' && !dpopRequired
    ? flaw(
        'refreshMode',
        'refreshMode touch keeps one refresh token for good: a public client must be dpopRequired for it',
      )
    : [];
}

function changeOf(client: Client, body: Nullable<AmendClientDto>): ClientChange {
  const { lifetimes, audiences, jwks, refreshMode, dpopRequired, ...rest } = body;
  const { accessToken = null, idle = null, max = null } = lifetimes ?? {};
  const change: ClientChange = {
    ...rest,
    ...(jwks && { jwks }),
    ...(dpopRequired !== undefined && { dpopRequired: dpopRequired ?? false }),
    ...(audiences !== undefined && { audiences: audiences ?? [] }),
    ...(lifetimes !== undefined && { accessTokenTtl: accessToken, idleTtl: idle, maxTtl: max }),
  };
  if (refreshMode === undefined) return change;
  return { ...change, refreshMode: refreshMode ?? usualRefreshMode({ ...client, ...change }) };
}
