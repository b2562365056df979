import { Inject, Injectable } from '@nestjs/common';
import { LiveMint, type TokenPair } from '../auth/token-mint.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { isWithinScope, type Client } from '../core/client.js';
import { seconds } from '../core/access-token.js';
import { newHandle, sessionIdOf } from '../core/refresh-token.js';
import type { Snapshot } from '../core/session.js';
import { FailedRequest } from '../http/failure.js';
import { ClientStore } from '../store/client-store.js';
import { SessionDirectory } from '../store/session-directory.js';
import type { OpenSessionDto } from './sessions.dto.js';

/** A session that was opened, and its first tokens. */
export interface Opened {
  readonly snapshot: Snapshot;
  readonly tokens: TokenPair;
}

/** Opens sessions. */
@Injectable()
export class SessionsService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly directory: SessionDirectory,
    private readonly mint: LiveMint,
    private readonly clients: ClientStore,
  ) {}

  /**
   * Opens a session for a login backend, which is its client unless it names one. A session of a registered OAuth
   * client is bound to it.
   *
   * @throws FailedRequest if it goes beyond what the client may have
   */
  async open(wanted: OpenSessionDto, serviceKey: string): Promise<Opened> {
    this.mint.ready();
    const client = wanted.clientId === undefined ? undefined : await this.clients.find(wanted.clientId);
    checkAgainst(client, wanted);
    const handle = newHandle();
    const { lifetimes } = this.config;
    const snapshot = await this.directory.open({
      id: sessionIdOf(handle),
      subject: wanted.subject,
      clientId: wanted.clientId ?? serviceKey,
      scope: wanted.scope ?? null,
      audience: wanted.audience ?? [],
      claims: wanted.claims ?? {},
      device: wanted.device ?? null,
      amr: wanted.amr ?? [],
      acr: wanted.acr ?? null,
      maxTtl: wanted.lifetimes?.max ?? client?.maxTtl ?? lifetimes.max,
      idleTtl: wanted.lifetimes?.idle ?? client?.idleTtl ?? lifetimes.idle,
      accessTokenTtl: wanted.lifetimes?.accessToken ?? client?.accessTokenTtl ?? lifetimes.accessToken,
      clientBound: client !== undefined,
      dpopJkt: wanted.dpopJkt ?? null,
      extras: wanted.extras ?? {},
      ...(wanted.authTime && { authTime: new Date(wanted.authTime) }),
    });
    const deadline = seconds(snapshot.session.expiresAt);
    const particulars = wanted.dpopJkt === undefined ? {} : { jkt: wanted.dpopJkt };
    return {
      snapshot,
      tokens: this.mint.pair(snapshot, { handle, generation: 0, deadline }, particulars),
    };
  }
}

function checkAgainst(client: Client | undefined, { scope, dpopJkt }: OpenSessionDto): void {
  const flaw = (name: string, message: string): FailedRequest =>
    new FailedRequest({ reason: 'invalid_request', flaws: [{ in: 'body', name, message }] });
  if (client && scope !== undefined && !isWithinScope(scope, client.scope)) {
    throw flaw('scope', 'scope goes beyond what the client may have');
  }
  // A confidential client proves who it is at every refresh; its tokens need no further binding (RFC 9449 section 5).
  const isPublic = client?.authMethod === 'none';
  if (dpopJkt !== undefined && !isPublic)
    throw flaw('dpopJkt', 'dpopJkt is for sessions of a registered public client');
  if (isPublic && client.dpopRequired && dpopJkt === undefined)
    throw flaw('dpopJkt', 'dpopJkt is required by the client');
}
