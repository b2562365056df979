import { Inject, Injectable } from '@nestjs/common';
import { keptOf } from '../auth/kept-caller.js';
import { LiveMint, type TokenPair } from '../auth/token-mint.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { seconds } from '../core/access-token.js';
import type { Opening } from '../core/session-event.js';
import { Unavailable } from '../core/unavailable.js';
import { newHandle, sessionIdOf } from '../core/refresh-token.js';
import type { Snapshot } from '../core/session.js';
import { readAddress } from '../http/client-address.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import type { RefreshCookie } from '../http/refresh-cookie.js';
import type { Nullable } from '../http/validation/nullable.js';
import { SessionRegistry, type NewSession } from '../store/session-registry.js';
import { ClientBounds } from './client-bounds.js';
import { ContractExtras } from './contract-extras.js';
import type { OpenSessionDto } from './session-opening.dto.js';

/** A session that was opened, and its first tokens. */
export interface Opened {
  readonly snapshot: Snapshot;
  readonly tokens: TokenPair;
  /** The cookie that hands the refresh token to the browser, if the session's contract has one. */
  readonly cookie: RefreshCookie | undefined;
}

/** Opens sessions, within what their clients may have. */
@Injectable()
export class SessionOpening {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly registry: SessionRegistry,
    private readonly mint: LiveMint,
    private readonly bounds: ClientBounds,
    private readonly extras: ContractExtras,
  ) {}

  /**
   * Opens a session for a login backend, which is its client unless it names one. A session of a registered OAuth
   * client is bound to it.
   *
   * @throws RefusalException as ClientBounds and ContractExtras do
   */
  async open(wanted: OpenSessionDto, serviceKey: string): Promise<Opened> {
    const { cookie, accessCookie } = this.extras.cookiesOf(wanted.contract);
    this.extras.checkExtras(wanted.extras ?? {});
    this.mint.ready();
    const client = await this.bounds.clientOf(wanted);
    const handle = newHandle();
    const { lifetimes } = this.config;
    const jkt = wanted.dpopJkt ?? null;
    const particulars = jkt === null ? {} : { jkt };
    const session: NewSession = {
      id: sessionIdOf(handle),
      subject: wanted.subject,
      clientId: wanted.clientId ?? serviceKey,
      scope: wanted.scope ?? client?.scope ?? null,
      audience: wanted.audience ?? [],
      claims: wanted.claims ?? {},
      device: wanted.device ?? null,
      amr: wanted.amr ?? [],
      acr: wanted.acr ?? null,
      maxTtl: wanted.lifetimes?.max ?? client?.maxTtl ?? lifetimes.max,
      idleTtl: wanted.lifetimes?.idle ?? client?.idleTtl ?? lifetimes.idle,
      accessTokenTtl: wanted.lifetimes?.accessToken ?? client?.accessTokenTtl ?? lifetimes.accessToken,
      clientBound: client !== undefined,
      // A confidential client proves who it is at every refresh; its refresh tokens need no key (RFC 9449 section 5).
      dpopJkt: client?.authMethod === 'none' ? jkt : null,
      extras: wanted.extras ?? {},
      ...(wanted.authTime && { authTime: new Date(wanted.authTime) }),
      ...(wanted.replaces !== undefined && { replaces: wanted.replaces }),
      event: this.eventOf(wanted, serviceKey),
    };
    if (accessCookie && !accessCookie.canHold(this.mint.sample(session, particulars)))
      throw tooLarge(accessCookie.name);
    const snapshot = await this.registry.open(session);
    await this.keepFew(snapshot);
    const deadline = seconds(snapshot.session.expiresAt);
    return {
      snapshot,
      cookie,
      tokens: this.mint.pair(snapshot, { handle, generation: 0, deadline }, particulars),
    };
  }

  private eventOf(wanted: Nullable<OpenSessionDto>, serviceKey: string): Opening {
    const { clientId, device, replaces, address, userAgent } = wanted;
    const caller = {
      ...(address && { address: readAddress(address)! }),
      ...(userAgent && { userAgent }),
    };
    return {
      ...{ kind: 'opened', serviceKey, clientId: clientId ?? serviceKey, device: device ?? null },
      ...keptOf(caller, this.config.history.callers),
      ...(replaces && { replaces }),
    };
  }

  // After the session is there, and not with it: of two that are opened at once, the later one sees both.
  private async keepFew({ session }: Snapshot): Promise<void> {
    const most = this.config.maxSessionsPerSubject;
    if (most === 0) return;
    try {
      await this.registry.limit({ most, newest: session });
    } catch (error) {
      // The next opening ends them.
      if (!(error instanceof Unavailable)) throw error;
    }
  }
}

function tooLarge(cookie: string): RefusalException {
  const message = `claims make the cookie ${cookie} larger than the 4096 bytes that browsers keep`;
  return new RefusalException({
    reason: 'invalid_request',
    flaws: [{ in: 'body', name: 'claims', message }],
  });
}
