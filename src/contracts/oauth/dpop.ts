import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  EmbeddedJWK,
  jwtVerify,
  type JWTVerifyResult,
} from 'jose';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Clock } from '../../auth/clock.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import { ASYMMETRIC_ALGORITHMS } from '../../core/client-keys.js';
import type { RefusalDetail } from '../../core/refusal.js';
import { isWellFormedJwt } from '../../keys/well-formed-jwt.js';
import { UsedJtis } from '../../store/used-jtis.js';
import { OAuthError } from './oauth-error.js';

/** How long a nonce is handed out, in seconds. It is accepted for one such span more, on either side. */
const NONCE_SPAN = 300;
/** How old a proof's `iat` may be, in seconds: as old as its nonce. And how far ahead, as clocks differ. */
const MAX_AGE = 2 * NONCE_SPAN;
const MAX_AHEAD = 60;
const MAX_JTI_CHARS = 256;

/** Checks proofs of possession (RFC 9449 section 4.3), with nonces that all replicas know without sharing them. */
@Injectable()
export class Dpop {
  private readonly nonceKeys: readonly KeyObject[];

  constructor(
    @Inject(CONFIG) config: Config,
    private readonly clock: Clock,
    private readonly usedJtis: UsedJtis,
  ) {
    this.nonceKeys = config.refreshTokenKeys.map(({ secret }) =>
      createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'ratchet/dpop-nonce/v1', 32))),
    );
  }

  /**
   * The thumbprint of the key whose possession the request proves; undefined if it carries no proof. Spends the
   * proof's jti, and hands out the current nonce.
   *
   * @param url of the endpoint, normalised
   * @throws OAuthError invalid_dpop_proof or use_dpop_nonce
   */
  async prove(request: FastifyRequest, reply: FastifyReply, url: string): Promise<string | undefined> {
    const proof = request.headers['dpop'];
    if (proof === undefined) return undefined;
    const nonce = this.nonceAt(this.span(), this.nonceKeys[0]!);
    reply.header('dpop-nonce', nonce);
    // Several headers arrive joined by a comma, which no JWT has.
    if (typeof proof !== 'string' || proof.includes(','))
      throw invalidProof('dpop_malformed', 'There must be one DPoP header');
    const { payload, key } = await verify(proof);
    if (payload['htm'] !== request.method)
      throw invalidProof('dpop_htm', 'The DPoP proof is for another request');
    if (normalised(payload['htu']) !== url)
      throw invalidProof('dpop_htu', 'The DPoP proof is for another request');
    if (!this.isKnownNonce(payload['nonce'])) {
      throw new OAuthError(
        'use_dpop_nonce',
        'The DPoP proof must carry the nonce of the DPoP-Nonce header',
        400,
        { 'dpop-nonce': nonce },
        'dpop_nonce',
      );
    }
    const age = this.clock.now().getTime() / 1000 - (payload.iat ?? 0);
    if (age > MAX_AGE || age < -MAX_AHEAD)
      throw invalidProof('dpop_iat', 'The DPoP proof is too old or too new');
    const { jti } = payload;
    if (typeof jti !== 'string' || !jti || jti.length > MAX_JTI_CHARS)
      throw invalidProof('dpop_jti', 'The DPoP proof lacks a jti');
    const jkt = await calculateJwkThumbprint(key);
    const fresh = await this.usedJtis.use(`dpop ${jkt}`, jti, 2 * (MAX_AGE + MAX_AHEAD));
    if (!fresh) throw invalidProof('dpop_replayed', 'The DPoP proof was used before');
    return jkt;
  }

  private isKnownNonce(nonce: unknown): boolean {
    if (typeof nonce !== 'string') return false;
    const given = Buffer.from(nonce);
    const span = this.span();
    return [span - 1, span, span + 1].some((candidate) =>
      this.nonceKeys.some((key) => {
        const known = Buffer.from(this.nonceAt(candidate, key));
        return known.length === given.length && timingSafeEqual(known, given);
      }),
    );
  }

  private nonceAt(span: number, key: KeyObject): string {
    return createHmac('sha256', key).update(String(span)).digest('base64url');
  }

  private span(): number {
    return Math.floor(this.clock.now().getTime() / 1000 / NONCE_SPAN);
  }
}

async function verify(
  proof: string,
): Promise<JWTVerifyResult & { key: Parameters<typeof calculateJwkThumbprint>[0] }> {
  try {
    if (!isWellFormedJwt(proof)) throw new Error('no JWT');
    const { jwk } = decodeProtectedHeader(proof);
    if (!jwk || 'd' in jwk || 'k' in jwk) throw new Error('no public key');
    const verified = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ASYMMETRIC_ALGORITHMS,
      requiredClaims: ['htm', 'htu', 'iat', 'jti'],
      // Times are judged above, by this service's clock.
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
    return { ...verified, key: jwk };
  } catch {
    throw invalidProof('dpop_malformed', 'The DPoP proof is not valid');
  }
}

/**
 * A URL without query and fragment, normalised by syntax and scheme (RFC 9449 section 4.3; RFC 3986 sections 6.2.2
 * and 6.2.3); undefined if it is none.
 */
function normalised(htu: unknown): string | undefined {
  // URL forgives more than RFC 3986 does, such as blanks, backslashes and single slashes.
  if (typeof htu !== 'string' || !/^https?:\/\/[!-[\]-~]+$/i.test(htu) || !URL.canParse(htu))
    return undefined;
  const { origin, pathname, username, password } = new URL(htu);
  if (username || password) return undefined;
  return (
    origin +
    pathname.replace(/%[0-9a-f]{2}/gi, (escaped) => {
      const character = String.fromCharCode(parseInt(escaped.slice(1), 16));
      return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase();
    })
  );
}

function invalidProof(detail: RefusalDetail, description: string): OAuthError {
  return new OAuthError('invalid_dpop_proof', description, 400, {}, detail);
}
