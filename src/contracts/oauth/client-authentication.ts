import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import {
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import { Clock } from '../../auth/clock.js';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import type { Client } from '../../core/client.js';
import { ASYMMETRIC_ALGORITHMS } from '../../core/client-keys.js';
import type { RefusalDetail } from '../../core/refusal.js';
import { isWellFormedJwt } from '../../keys/well-formed-jwt.js';
import { ClientStore } from '../../store/client-store.js';
import { UsedJtis } from '../../store/used-jtis.js';
import { recordOf } from '../../http/request-record.js';
import type { Form } from './form.js';
import { OAuthError } from './oauth-error.js';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** The oldest that an assertion may be, and the longest that its jti is remembered, in seconds. */
const ASSERTION_AGE = 600;
const CLOCK_TOLERANCE = 60;
/** How much of a client id is logged that is none. */
const MOST_CLAIMED_CHARS = 16;

/** What a client showed of itself: by one method (RFC 6749 section 2.3). */
type Credentials =
  | { readonly method: 'none'; readonly id: string }
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly id: string;
      readonly secret: string;
    }
  | { readonly method: 'private_key_jwt'; readonly id: string; readonly assertion: string };

/** Authenticates clients (RFC 6749 section 2.3, RFC 7523 section 2.2). */
@Injectable()
export class ClientAuthentication {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clients: ClientStore,
    private readonly usedJtis: UsedJtis,
    private readonly clock: Clock,
  ) {}

  /**
   * The client that sent the request, authenticated by the method it was registered with. The request's record names it,
   * or what it said that it was.
   *
   * @throws OAuthError invalid_client, or invalid_request if the client used two methods at once
   */
  async authenticate(form: Form, request: FastifyRequest): Promise<Client> {
    const shown = credentialsOf(form, request.headers.authorization);
    const record = recordOf(request);
    // What is no client's id may be a secret that was put in its place.
    record.claimedClient = shown.id.slice(0, MOST_CLAIMED_CHARS);
    const client = await this.clients.find(shown.id);
    if (!client) throw invalidClient('client_unknown');
    record.claimedClient = client.id;
    if (client.authMethod !== shown.method) throw invalidClient('client_auth_method');
    const passes = await this.passes(client, shown);
    if (!passes) throw invalidClient('assertion' in shown ? 'client_assertion' : 'client_secret');
    delete record.claimedClient;
    record.presenter = client.id;
    return client;
  }

  private async passes(client: Client, shown: Credentials): Promise<boolean> {
    switch (shown.method) {
      case 'none':
        return true;
      case 'client_secret_basic':
      case 'client_secret_post': {
        const given = createHash('sha256').update(shown.secret).digest();
        return secretHashesOf(client).filter((hash) => timingSafeEqual(given, hash)).length > 0;
      }
      case 'private_key_jwt':
        return this.assertionHolds(client, shown.assertion);
    }
  }

  private async assertionHolds(client: Client, assertion: string): Promise<boolean> {
    if (!isWellFormedJwt(assertion)) return false;
    const now = this.clock.now();
    const payload = await verifiedByOneOf(keysFor(client, assertion), assertion, {
      algorithms: ASYMMETRIC_ALGORITHMS,
      issuer: client.id,
      subject: client.id,
      audience: this.config.issuer,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: now,
    });
    const { jti, exp, aud, iat = 0 } = payload ?? {};
    // The issuer alone, in a string: what names others too could be used with them (FAPI 2.0 section 5.3.2.1).
    if (typeof aud !== 'string' || typeof jti !== 'string' || !jti || exp === undefined) return false;
    const inSeconds = now.getTime() / 1000;
    if (exp > inSeconds + ASSERTION_AGE || iat > inSeconds + CLOCK_TOLERANCE) return false;
    return this.usedJtis.use(`client ${client.id}`, jti, ASSERTION_AGE + 2 * CLOCK_TOLERANCE);
  }
}

/** Of the secret, and of the one before while it is still good. */
function secretHashesOf({ secretHash, previousSecretHash }: Client): Uint8Array[] {
  return [secretHash, previousSecretHash].filter((hash) => hash !== null);
}

/** The keys that may have signed it: whatever does not say a `kid`, be it key or assertion, goes with any. */
function keysFor({ jwks }: Client, assertion: string): JWK[] {
  const kid = kidOf(assertion);
  const { keys } = jwks as unknown as JSONWebKeySet;
  return keys.filter((key) => kid === undefined || key.kid === undefined || key.kid === kid);
}

function kidOf(assertion: string): unknown {
  try {
    return decodeProtectedHeader(assertion).kid;
  } catch {
    return undefined;
  }
}

/** The claims of an assertion that one of the keys signed, and that is as wanted; undefined if there is none. */
async function verifiedByOneOf(
  keys: readonly JWK[],
  assertion: string,
  wanted: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  for (const key of keys) {
    const verified = await jwtVerify(assertion, key, wanted).catch(() => undefined);
    if (verified) return verified.payload;
  }
  return undefined;
}

function credentialsOf(form: Form, authorization: string | undefined): Credentials {
  const { client_id: id, client_secret: secret, client_assertion: assertion } = form;
  const ways = [authorization, secret, assertion].filter((way) => way !== undefined).length;
  if (ways > 1) throw new OAuthError('invalid_request', 'The client must authenticate by one method');
  if (authorization !== undefined) return basicCredentials(authorization, id);
  if (assertion !== undefined) return assertionCredentials(assertion, form);
  if (form['client_assertion_type'] !== undefined)
    throw new OAuthError('invalid_request', 'The parameter client_assertion is missing');
  if (id === undefined) throw invalidClient('client_unknown');
  return secret === undefined ? { method: 'none', id } : { method: 'client_secret_post', id, secret };
}

function basicCredentials(authorization: string, idInBody: string | undefined): Credentials {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  const id = formDecoded(text.slice(0, Math.max(0, colon)));
  const secret = formDecoded(text.slice(colon + 1));
  if (colon < 0 || !id || !secret || (idInBody !== undefined && idInBody !== id))
    throw invalidClient('client_secret');
  return { method: 'client_secret_basic', id, secret };
}

/** Both halves are form-encoded before they are joined (RFC 6749 section 2.3.1). */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return '';
  }
}

function assertionCredentials(assertion: string, form: Form): Credentials {
  if (form['client_assertion_type'] !== ASSERTION_TYPE) {
    throw new OAuthError('invalid_request', `The parameter client_assertion_type must be ${ASSERTION_TYPE}`);
  }
  let subject: unknown;
  try {
    subject = decodeJwt(assertion).sub;
  } catch {
    throw invalidClient('client_assertion');
  }
  const { client_id: id = subject } = form;
  if (typeof subject !== 'string' || id !== subject) throw invalidClient('client_assertion');
  return { method: 'private_key_jwt', id: subject, assertion };
}

/** That a client is not who it says. */
export function invalidClient(detail?: RefusalDetail): OAuthError {
  return new OAuthError('invalid_client', 'The client could not be authenticated', 401, {}, detail);
}
