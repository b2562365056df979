import type { Presentation, RefreshMode } from './policy.js';

/** The ways a client may authenticate (the names of RFC 7591 section 2); `none` is a public client's. */
export const CLIENT_AUTH_METHODS = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
] as const;

/** How a client authenticates. */
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];

/** An OAuth client (RFC 6749 section 2). */
export interface Client {
  readonly id: string;
  /** For people to read, or null. */
  readonly name: string | null;
  readonly authMethod: ClientAuthMethod;
  /** SHA-256 of the secret; null unless it has one. */
  readonly secretHash: Uint8Array | null;
  /** SHA-256 of the secret before it, and until when; null unless that one is still good, by the database's clock. */
  readonly previousSecretHash: Uint8Array | null;
  readonly previousSecretExpiresAt: Date | null;
  /** The public keys of private_key_jwt (a JWK Set); null unless it uses them. */
  readonly jwks: Readonly<Record<string, unknown>> | null;
  /** Whether its refreshes give a new refresh token. FAPI 2.0 section 5.3.2.1-9 wants them not to. */
  readonly refreshMode: RefreshMode;
  /** Whether every refresh must prove possession of a key (RFC 9449). */
  readonly dpopRequired: boolean;
  /** The widest scope its sessions may have; null for any. */
  readonly scope: string | null;
  /** What it is known by as a resource server: it may introspect the access tokens whose `aud` names one of these. */
  readonly audiences: readonly string[];
  /** Lifetimes of its sessions in seconds; null for the configured ones. */
  readonly accessTokenTtl: number | null;
  readonly idleTtl: number | null;
  readonly maxTtl: number | null;
  /** Windows of its sessions in seconds; null for the configured ones. */
  readonly rotationGrace: number | null;
  readonly recoveryWindow: number | null;
  readonly createdAt: Date;
}

/** A client to be registered. */
export type NewClient = Omit<Client, 'createdAt' | 'previousSecretHash' | 'previousSecretExpiresAt'>;

/** What a `client_id` may be. */
export const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/** How a client refreshes unless it is registered otherwise: as FAPI 2.0 section 5.3.2.1-9 wants it where it uses that. */
export function usualRefreshMode({
  authMethod,
  dpopRequired,
}: Pick<Client, 'authMethod' | 'dpopRequired'>): RefreshMode {
  return authMethod === 'private_key_jwt' && dpopRequired ? 'touch' : 'rotate';
}

/** What of a client may be changed: for all its sessions, but scope and lifetimes for those to come. */
export type ClientChange = Partial<
  Pick<
    Client,
    | 'name'
    | 'jwks'
    | 'refreshMode'
    | 'dpopRequired'
    | 'scope'
    | 'audiences'
    | 'accessTokenTtl'
    | 'idleTtl'
    | 'maxTtl'
    | 'rotationGrace'
    | 'recoveryWindow'
  >
>;

/** How the client, authenticated, presents its tokens: with a proof of the key of thumbprint `jkt`, or without. */
export function presentationBy(client: Client, jkt?: string): Presentation {
  const { id, authMethod, refreshMode, rotationGrace, recoveryWindow } = client;
  return {
    mode: refreshMode,
    presenter: {
      clientId: id,
      ...(jkt !== undefined && { jkt, binds: authMethod === 'none' }),
      ...(authMethod === 'private_key_jwt' && { proven: true }),
    },
    windows: {
      ...(rotationGrace !== null && { grace: rotationGrace * 1000 }),
      ...(recoveryWindow !== null && { recovery: recoveryWindow * 1000 }),
    },
  };
}
