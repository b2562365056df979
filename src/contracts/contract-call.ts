import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthService, Refreshed, RefreshRequest } from '../auth/auth.service.js';
import type { RevocationService } from '../auth/revocation.service.js';
import { accept, refuse, type Outcome, type Refusal } from '../core/refusal.js';
import type { Answered } from '../core/session.js';
import { callerOf } from '../http/client-address.js';
import { networkOf } from '../http/address-limit.guard.js';
import { replyRefusal } from '../http/errors/error-reply.js';
import { recordOf } from '../http/request-record.js';
import type { RefreshCookie } from '../http/refresh-cookie.js';
import type { Mount } from './contract.js';
import { asksForDryRun } from './dry-run.js';

/** A refresh token as it came. It goes back the same way: a page that keeps it in a cookie must never get to see it. */
export interface CarriedToken {
  /** Undefined if none came. */
  readonly text: string | undefined;
  /** Others that came in cookies of the same name: which is meant, the service knows. */
  readonly twins?: readonly string[];
  readonly by: 'body' | 'cookie';
  /** Cookies of the system before that came, to be cleared once this service's own has taken their place. */
  readonly outdated?: readonly RefreshCookie[];
}

/** A refresh as a contract asks for it. Whether it is a dry run, and where it comes from, the call knows by itself. */
export interface RefreshWanted extends Omit<RefreshRequest, 'refreshToken' | 'from' | 'caller' | 'dryRun'> {
  readonly token: Outcome<CarriedToken>;
  /** How the refresh token goes back, if not as it came. */
  readonly back?: CarriedToken['by'];
}

/** What a refresh gave, as far as a contract may tell it. */
export interface Tokens {
  readonly accessToken: string;
  /** How long it lives, in seconds. */
  readonly expiresIn: number;
  /** How long the session lives at most, and unless it is refreshed, in seconds. */
  readonly refreshTokenExpiresIn: number;
  readonly idleExpiresIn: number;
  /** Undefined if a cookie takes it back. */
  readonly refreshToken: string | undefined;
  readonly session: Answered;
}

/**
 * One request's way through a contract. It reads the token, knows whether this is a dry run, calls the service, answers
 * refusals in the contract's error format, keeps the request's record and sends cookies back; the contract is left to say
 * where its token is and to write its body.
 */
export class ContractCall {
  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly mount: Mount,
    private readonly auth: AuthService,
    private readonly revocation: RevocationService,
  ) {}

  /** The refresh token: the body's if there is one, else the contract's cookie's. Refuses: invalid_request. */
  token(inBody: string | undefined): Outcome<CarriedToken> {
    const { cookie } = this.mount;
    if (inBody || !cookie) return this.tokenInBody(inBody);
    const inCookie = cookie.read(this.request);
    if (!inCookie.ok) return inCookie;
    const values = [...inCookie.value];
    const outdated: RefreshCookie[] = [];
    for (const legacy of this.mount.legacyCookies) {
      const inLegacy = legacy.read(this.request);
      if (!inLegacy.ok) return inLegacy;
      if (inLegacy.value.length > 0) outdated.push(legacy);
      values.push(...inLegacy.value);
    }
    const [text, ...twins] = values;
    return accept({
      text,
      by: 'cookie',
      ...(twins.length > 0 && { twins }),
      ...(outdated.length > 0 && { outdated }),
    });
  }

  /** The refresh token of the body alone. */
  tokenInBody(inBody: string | undefined): Outcome<CarriedToken> {
    return accept({ text: inBody, by: 'body' });
  }

  /** The refresh token of the contract's cookie alone. Refuses: missing_token, naming the cookie; invalid_request. */
  tokenInCookie(): Outcome<CarriedToken> {
    const token = this.token(undefined);
    if (!token.ok || token.value.text) return token;
    const { name } = this.mount.cookie!;
    return refuse('missing_token', {
      flaws: [{ in: 'cookie', name, message: `the cookie ${name} is missing` }],
    });
  }

  /** Refreshes, and gives the body: as `write` makes it of the tokens, or a refusal's. */
  async refresh(wanted: RefreshWanted, write: (tokens: Tokens) => unknown): Promise<unknown> {
    const { token, back, ...particulars } = wanted;
    const dryRun = this.dryRun();
    if (!dryRun.ok) return this.refuse(dryRun.refusal);
    if (!token.ok) return this.refuse(token.refusal);
    const { text: refreshToken, by, outdated = [], ...came } = token.value;
    const outcome = await this.auth.refresh({
      ...particulars,
      ...came,
      refreshToken,
      from: networkOf(this.request),
      caller: callerOf(this.request),
      dryRun: dryRun.value,
    });
    if (!outcome.ok) return this.refuse(outcome.refusal);
    const refreshed = outcome.value;
    this.record(refreshed);
    const byCookie = (back ?? by) === 'cookie';
    if (came.twins) this.clearTwins();
    this.clear(outdated);
    if (byCookie) this.setCookie(this.mount.cookie!, refreshed.refreshToken, refreshed.idleExpiresIn);
    const { accessToken, expiresIn, refreshTokenExpiresIn, idleExpiresIn, session } = refreshed;
    return write({
      accessToken,
      expiresIn,
      refreshToken: byCookie ? undefined : refreshed.refreshToken,
      refreshTokenExpiresIn,
      idleExpiresIn,
      session,
    });
  }

  /**
   * Ends the token's session, and its twins', clears the contract's cookie if it came, and gives the body: none, or a
   * refusal's.
   *
   * @param clientId the authenticated client, which alone may end a session that is bound to it
   */
  async revoke(token: Outcome<CarriedToken>, clientId?: string): Promise<unknown> {
    const dryRun = this.dryRun();
    if (!dryRun.ok) return this.refuse(dryRun.refusal);
    if (!token.ok) return this.refuse(token.refusal);
    const { text, twins = [], outdated = [] } = token.value;
    const by = { clientId, from: networkOf(this.request), caller: callerOf(this.request) };
    for (const twin of twins) {
      const outcome = await this.revocation.revoke(twin, by);
      if (!outcome.ok) return this.refuse(outcome.refusal);
    }
    const outcome = await this.revocation.revoke(text, by);
    if (!outcome.ok) return this.refuse(outcome.refusal);
    const { ended, sessionId } = outcome.value;
    if (twins.length > 0) this.clearTwins();
    this.clear(outdated);
    Object.assign(recordOf(this.request), {
      outcome: ended ? 'logout' : 'no-session',
      ...(sessionId && { sessionId }),
    });
    // Only one that came: a form of a foreign page brings none, and is a navigation, whose Set-Cookie browsers heed.
    if (this.mount.cookie?.isIn(this.request)) this.setCookie(this.mount.cookie, '', 0);
    return undefined;
  }

  /** Answers a refusal in the contract's error format; gives the body. */
  refuse(refusal: Refusal): unknown {
    return replyRefusal(this.request, this.reply, this.mount.errors, refusal);
  }

  /** Sets a cookie for `maxAge` seconds, unless this is a dry run. */
  setCookie(cookie: RefreshCookie, value: string, maxAge: number): void {
    if (recordOf(this.request).dryRun) return;
    this.reply.header('set-cookie', cookie.write(value, maxAge, cookie.mustBeSecure(this.request)));
  }

  private clear(cookies: readonly RefreshCookie[]): void {
    if (recordOf(this.request).dryRun) return;
    for (const cookie of cookies) this.reply.header('set-cookie', cookie.clear(this.request));
  }

  private clearTwins(): void {
    const cookie = this.mount.cookie!;
    if (recordOf(this.request).dryRun) return;
    this.reply.header('set-cookie', cookie.clearTwins(this.request, cookie.mustBeSecure(this.request)));
  }

  private dryRun(): Outcome<boolean> {
    const { request, mount } = this;
    return asksForDryRun(request, mount.dryRunPaths.includes(request.routeOptions.url ?? ''));
  }

  private record({ how, session, dryRun }: Refreshed): void {
    Object.assign(recordOf(this.request), {
      outcome: how,
      sessionId: session.id,
      clientId: session.clientId,
    });
    if (dryRun) this.reply.header('dry-run', 'true');
  }
}
