import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { placeholderId, type LegacyToken } from '../core/legacy-token.js';
import type { Redeemed } from '../core/issuer-answer.js';
import { Unavailable } from '../core/unavailable.js';
import { LegacyTokens } from '../store/legacy-tokens.js';
import { SessionImport, type ImportedSession } from '../store/session-import.js';
import { LegacyIssuer } from './legacy-issuer.js';

/** The most tokens that a process redeems at once: whoever floods it does not flood the issuer. */
const MOST_AT_ONCE = 20;
/** How long whoever asks waits for it, in milliseconds; it goes on without them. */
const WAIT = 8_000;
/** How long what an issuer has given is tried to be kept, and how often, in milliseconds. */
const KEEP_WITHIN = 120_000;
const KEEP_EVERY = 250;

/** What has come of a redemption: a session that is imported, as any other; or the token is none. */
export type Redemption = 'opened' | 'refused';

/**
 * Redeems tokens at the issuer of before, each once, however many ask at once and at however many replicas. What the issuer has
 * given is not let go before it is written: by then the token is worth nothing there any more.
 */
@Injectable()
export class Redemptions {
  private readonly underWay = new Map<string, Promise<Redemption>>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly issuer: LegacyIssuer,
    private readonly tokens: LegacyTokens,
    private readonly sessions: SessionImport,
  ) {}

  /** @throws Unavailable if it cannot be told now: the same token may come again */
  async redeem({ lookup, redeemable }: LegacyToken): Promise<Redemption> {
    const key = lookup.toString('hex');
    let redemption = this.underWay.get(key);
    if (!redemption) {
      if (this.underWay.size >= MOST_AT_ONCE)
        throw new Unavailable('legacy_issuer', 'too many are being redeemed');
      redemption = this.redeemOnce(lookup, redeemable!).finally(() => this.underWay.delete(key));
      this.underWay.set(key, redemption);
      // Whoever asked may have given up.
      redemption.catch(() => undefined);
    }
    const stop = new AbortController();
    const late = pause(WAIT, undefined, { signal: stop.signal, ref: false }).then(() => {
      throw new Unavailable('legacy_issuer', 'no answer in time');
    });
    late.catch(() => undefined);
    return Promise.race([redemption, late]).finally(() => stop.abort());
  }

  private async redeemOnce(lookup: Buffer, token: string): Promise<Redemption> {
    const claimed = await this.tokens.claim(lookup);
    if (claimed === 'refused') return 'refused';
    // Its session may have come between the look at the database and the claim.
    if (claimed !== 'first' && (await this.tokens.find([lookup]))) return 'opened';
    if (claimed === 'held') throw new Unavailable('legacy_issuer', 'it is being redeemed');
    let redeemed: Redeemed | undefined;
    try {
      redeemed = await this.issuer.redeem(token);
    } catch (error) {
      await this.tokens.release(lookup).catch(() => undefined);
      throw error;
    }
    if (redeemed) {
      await this.keep(this.sessionOf(lookup, redeemed));
      await this.tokens.release(lookup).catch(() => undefined);
      return 'opened';
    }
    // It may have been used up by that attempt, whose session is still to come.
    if (claimed === 'again') throw new Unavailable('legacy_issuer', 'it was redeemed a moment ago');
    await this.tokens.refuse(lookup);
    return 'refused';
  }

  private async keep(session: ImportedSession): Promise<void> {
    const until = performance.now() + KEEP_WITHIN;
    for (;;) {
      try {
        await this.sessions.add([session]);
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
        await pause(KEEP_EVERY);
      }
    }
  }

  private sessionOf(lookup: Buffer, { subject, scope, claims, authTime }: Redeemed): ImportedSession {
    const { legacy, lifetimes } = this.config;
    return {
      id: placeholderId(lookup),
      lookup: lookup.toString('hex'),
      ...{ subject, scope, claims, authTime },
      clientId: legacy.issuer!.clientId,
      audience: [],
      device: null,
      amr: [],
      acr: null,
      createdAt: null,
      expiresAt: null,
      idleExpiresAt: null,
      maxTtl: lifetimes.max,
      idleTtl: lifetimes.idle,
      accessTokenTtl: lifetimes.accessToken,
      extras: {},
    };
  }
}
