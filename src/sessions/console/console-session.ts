import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Clock } from '../../auth/clock.js';
import type { Config, ServiceKey } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import { sameCharacters } from '../../core/same-characters.js';
import { RefreshCookie } from '../../http/refresh-cookie.js';

/** How long somebody stays signed in who does nothing, and in all, in seconds. */
const IDLE = 30 * 60;
const MOST = 8 * 3_600;

/** Who is signed in. */
export interface SignedIn {
  readonly key: ServiceKey;
  /** What each of their forms must bring along. */
  readonly formToken: string;
  /** When they must sign in again, in milliseconds. */
  readonly until: number;
}

/**
 * Signs holders of a service key in, with a cookie: who they are and until when, under a MAC. It is worth nothing once the key's
 * secret is changed or withdrawn, and holds none.
 */
@Injectable()
export class ConsoleSessions {
  private readonly cookie: RefreshCookie;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
  ) {
    const { alwaysSecure } = config.cookie;
    this.cookie = new RefreshCookie('console', '/console', {
      ...{ prefix: alwaysSecure ? '__Secure-' : '', sameSite: 'Strict', partitioned: false, alwaysSecure },
    });
  }

  /** Signs in, or has who is signed in stay so. */
  write(request: FastifyRequest, reply: FastifyReply, key: ServiceKey, until?: number): void {
    const now = this.clock.now().getTime();
    const ends = until ?? now + MOST * 1000;
    const maxAge = Math.min(IDLE, Math.floor((ends - now) / 1000));
    const said = {
      key: key.name,
      idle: now + maxAge * 1000,
      until: ends,
      nonce: randomBytes(9).toString('base64url'),
    };
    const payload = Buffer.from(JSON.stringify(said)).toString('base64url');
    const value = `${payload}.${this.macs('session', payload, key)[0]!}`;
    reply.header('set-cookie', this.cookie.write(value, maxAge, this.cookie.mustBeSecure(request)));
  }

  /** Signs out. */
  clear(request: FastifyRequest, reply: FastifyReply): void {
    reply.header('set-cookie', this.cookie.write('', 0, this.cookie.mustBeSecure(request)));
  }

  /** Who sent a request; undefined if they are not signed in (any more). */
  read(request: FastifyRequest): SignedIn | undefined {
    const values = this.cookie.read(request);
    if (!values.ok) return undefined;
    for (const value of values.value) {
      const signedIn = this.verify(value);
      if (signedIn) return signedIn;
    }
    return undefined;
  }

  /** Whether a form that was sent is one of this person's pages. */
  isOwnForm({ key, until }: SignedIn, token: unknown): boolean {
    return (
      typeof token === 'string' &&
      this.macs('form', String(until), key).some((mac) => sameCharacters(mac, token))
    );
  }

  private verify(value: string): SignedIn | undefined {
    const [payload = '', mac = ''] = value.split('.', 2);
    const said = readJson(payload);
    const key = this.config.serviceKeys.find(({ name }) => name === said?.key);
    if (!said || !key) return undefined;
    if (!this.macs('session', payload, key).some((good) => sameCharacters(good, mac))) return undefined;
    const now = this.clock.now().getTime();
    if (now >= said.idle || now >= said.until) return undefined;
    return { key, until: said.until, formToken: this.macs('form', String(said.until), key)[0]! };
  }

  /** Under each of REFRESH_TOKEN_KEYS, the first first. */
  private macs(what: 'session' | 'form', text: string, { name, secret }: ServiceKey): string[] {
    const digest = createHash('sha256').update(secret).digest('base64url');
    return this.config.refreshTokenKeys.map((key) =>
      createHmac('sha256', key.secret)
        .update(`console ${what}\n${name}\n${digest}\n${text}`)
        .digest('base64url'),
    );
  }
}

function readJson(payload: string): { key: string; idle: number; until: number } | undefined {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
      key: string;
      idle: number;
      until: number;
    };
  } catch {
    return undefined;
  }
}
