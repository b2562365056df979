import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Config } from '../../config/config.js';
import { CONFIG } from '../../config/config.module.js';
import type { Client, ClientAuthMethod } from '../../core/client.js';
import { ClientStore } from '../../store/client-store.js';
import { UsedJtis } from '../../store/used-jtis.js';
import type { Form } from './form.js';
import { OAuthError } from './oauth-error.js';

/** Algorithms of assertions and proofs: asymmetric ones only (RFC 9449 section 4.3, FAPI 2.0 section 5.4.1). */
export const ASYMMETRIC_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'EdDSA',
  'Ed25519',
];

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** The oldest that an assertion may be, and the longest that its jti is remembered, in seconds. */
const ASSERTION_AGE = 600;
const CLOCK_TOLERANCE = 60;

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
  ) {}

  /**
   * The client that sent the request, authenticated by the method it was registered with.
   *
   * @param endpoint the URL of the endpoint, which an assertion may name as its audience
   * @throws OAuthError invalid_client, or invalid_request if the client used two methods at once
   */
  async authenticate(form: Form, authorization: string | undefined, endpoint: string): Promise<Client> {
    const shown = credentialsOf(form, authorization);
    const client = await this.clients.find(shown.id);
    const passes = client?.authMethod === shown.method && (await this.passes(client, shown, endpoint));
    if (!client || !passes) throw invalidClient(authorization !== undefined);
    return client;
  }

  private async passes(client: Client, shown: Credentials, endpoint: string): Promise<boolean> {
    switch (shown.method) {
      case 'none':
        return true;
      case 'client_secret_basic':
      case 'client_secret_post': {
        const given = createHash('sha256').update(shown.secret).digest();
        return client.secretHash !== null && timingSafeEqual(given, Buffer.from(client.secretHash));
      }
      case 'private_key_jwt':
        return this.assertionHolds(client, shown.assertion, endpoint);
    }
  }

  private async assertionHolds(client: Client, assertion: string, endpoint: string): Promise<boolean> {
    const keys = createLocalJWKSet(client.jwks as unknown as JSONWebKeySet);
    const verified = await jwtVerify(assertion, keys, {
      algorithms: ASYMMETRIC_ALGORITHMS,
      issuer: client.id,
      subject: client.id,
      audience: [this.config.issuer, endpoint],
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_TOLERANCE,
    }).catch(() => undefined);
    const { jti, exp } = verified?.payload ?? {};
    if (jti === undefined || exp === undefined || exp > Date.now() / 1000 + ASSERTION_AGE) return false;
    return this.usedJtis.use(`client ${client.id}`, jti, ASSERTION_AGE + 2 * CLOCK_TOLERANCE);
  }
}

function credentialsOf(form: Form, authorization: string | undefined): Credentials {
  const { client_id: id, client_secret: secret, client_assertion: assertion } = form;
  const ways = [authorization, secret, assertion].filter((way) => way !== undefined).length;
  if (ways > 1) throw new OAuthError('invalid_request', 'The client must authenticate by one method');
  if (authorization !== undefined) return basicCredentials(authorization, id);
  if (assertion !== undefined) return assertionCredentials(assertion, form);
  if (id === undefined) throw invalidClient(false);
  return secret === undefined ? { method: 'none', id } : { method: 'client_secret_post', id, secret };
}

function basicCredentials(authorization: string, idInBody: string | undefined): Credentials {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  const id = formDecoded(text.slice(0, Math.max(0, colon)));
  const secret = formDecoded(text.slice(colon + 1));
  if (colon < 0 || !id || !secret || (idInBody !== undefined && idInBody !== id)) throw invalidClient(true);
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
    throw invalidClient(false);
  }
  const { client_id: id = subject } = form;
  if (typeof subject !== 'string' || id !== subject) throw invalidClient(false);
  return { method: 'private_key_jwt', id: subject, assertion };
}

function invalidClient(byHeader: boolean): OAuthError {
  // A client that used the header is told which scheme to use (RFC 6749 section 5.2).
  const headers: Record<string, string> = byHeader ? { 'www-authenticate': 'Basic realm="ratchet"' } : {};
  return new OAuthError('invalid_client', 'The client could not be authenticated', 401, headers);
}

/** For type checks of registrations: the methods that are known here. */
export const CLIENT_AUTH_METHODS: readonly ClientAuthMethod[] = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
];
