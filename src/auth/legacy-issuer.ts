import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { readIssuerAnswer, type Redeemed } from '../core/issuer-answer.js';
import { Unavailable } from '../core/unavailable.js';
import { inSpan, kindOf, traceHeaders, type Attributes, type Span } from '../tracing/current-trace.js';
import { Clock } from './clock.js';
import { OnceAMinute } from './once-a-minute.js';

/** How long an issuer may take, in milliseconds. */
const ANSWER_WITHIN = 5_000;
/** The most that is read of its answer, in bytes. */
const MOST_BYTES = 256 * 1024;

/** The issuer whose place this service has taken, as one of its clients knows it: by its token endpoint (RFC 6749 section 6). */
@Injectable()
export class LegacyIssuer {
  private readonly logger = new Logger(LegacyIssuer.name);
  private readonly onceAMinute: OnceAMinute;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    clock: Clock,
  ) {
    this.onceAMinute = new OnceAMinute(clock);
  }

  /**
   * Redeems a refresh token, which is then worth nothing there, or less: whom it was of. Undefined if the issuer says that it is none.
   *
   * @throws Unavailable if it does not answer, or otherwise: whether the token was used up is then unknown
   */
  async redeem(refreshToken: string): Promise<Redeemed | undefined> {
    const { endpoint, clientId, clientSecret, mapping } = this.config.legacy.issuer!;
    const basic = clientSecret === undefined ? undefined : `${encode(clientId)}:${encode(clientSecret)}`;
    const body = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
    const ask = async (span?: Span): Promise<{ status: number; answer: unknown }> => {
      const response = await fetch(endpoint, {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: {
          accept: 'application/json',
          ...traceHeaders(),
          ...(basic !== undefined && { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
        },
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      });
      const { status } = response;
      span?.set({ 'http.response.status_code': status });
      if (status >= 400) span?.fail(String(status));
      return { status, answer: JSON.parse(await textOf(response)) as unknown };
    };
    let status: number;
    let answer: unknown;
    try {
      ({ status, answer } = await inSpan('POST', 'client', aboutRequest(endpoint), ask));
    } catch (error) {
      throw this.unavailable(`no answer, or none that is JSON (${kindOf(error)})`);
    }
    if (status === 200) {
      const redeemed = readIssuerAnswer(answer, mapping);
      if (redeemed) return redeemed;
      throw this.unavailable(
        `its tokens have no claim ${mapping.subject} that names a subject (LEGACY_ISSUER_CLAIMS)`,
      );
    }
    const { error } = (answer ?? {}) as { error?: unknown };
    // Auth0 says so with 403.
    if (status >= 400 && status < 500 && error === 'invalid_grant') return undefined;
    const said = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` ${error}` : '';
    throw this.unavailable(`it answers ${status}${said}`);
  }

  private unavailable(why: string): Unavailable {
    this.onceAMinute.do(() =>
      this.logger.warn({
        msg: 'the issuer of before redeems no token: whoever has one is told to try again',
        why,
      }),
    );
    return new Unavailable('legacy_issuer', why);
  }
}

/** What a span says of a request to it. Neither path nor query: these may be anything. */
function aboutRequest(endpoint: string): Attributes {
  const { protocol, hostname, port } = new URL(endpoint);
  return {
    'http.request.method': 'POST',
    'server.address': hostname,
    'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
  };
}

/** As RFC 6749 section 2.3.1 has it for the two halves. */
function encode(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice('x='.length);
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > MOST_BYTES) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
