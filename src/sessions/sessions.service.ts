import { Inject, Injectable } from '@nestjs/common';
import { LiveMint, type TokenPair } from '../auth/token-mint.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { seconds } from '../core/access-token.js';
import { newHandle, sessionIdOf } from '../core/refresh-token.js';
import type { Snapshot } from '../core/session.js';
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
  ) {}

  /** Opens a session for a login backend, which is its client unless it names one. */
  async open(wanted: OpenSessionDto, serviceKey: string): Promise<Opened> {
    this.mint.ready();
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
      maxTtl: wanted.lifetimes?.max ?? lifetimes.max,
      idleTtl: wanted.lifetimes?.idle ?? lifetimes.idle,
      accessTokenTtl: wanted.lifetimes?.accessToken ?? lifetimes.accessToken,
      clientBound: false,
      dpopJkt: null,
      extras: wanted.extras ?? {},
      ...(wanted.authTime && { authTime: new Date(wanted.authTime) }),
    });
    const deadline = seconds(snapshot.session.expiresAt);
    return { snapshot, tokens: this.mint.pair(snapshot, { handle, generation: 0, deadline }) };
  }
}
