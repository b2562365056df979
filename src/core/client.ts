import type { RefreshMode } from './policy.js';

/** How a client authenticates (the names of RFC 7591 section 2); `none` is a public client. */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** An OAuth client (RFC 6749 section 2). */
export interface Client {
  readonly id: string;
  /** For people to read, or null. */
  readonly name: string | null;
  readonly authMethod: ClientAuthMethod;
  /** SHA-256 of the secret; null unless it has one. */
  readonly secretHash: Uint8Array | null;
  /** The public keys of private_key_jwt (a JWK Set); null unless it uses them. */
  readonly jwks: Readonly<Record<string, unknown>> | null;
  /** Whether its refreshes give a new refresh token. FAPI 2.0 section 5.3.2.1-9 wants them not to. */
  readonly refreshMode: RefreshMode;
  /** Whether every refresh must prove possession of a key (RFC 9449). */
  readonly dpopRequired: boolean;
  /** The widest scope its sessions may have; null for any. */
  readonly scope: string | null;
  /** Lifetimes of its sessions in seconds; null for the configured ones. */
  readonly accessTokenTtl: number | null;
  readonly idleTtl: number | null;
  readonly maxTtl: number | null;
  readonly createdAt: Date;
}

/** What a `client_id` may be. */
export const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/** Whether every value of `scope` is one of `widest`; nothing bounds a null `widest`. */
export function isWithinScope(scope: string, widest: string | null): boolean {
  if (widest === null) return true;
  const granted = new Set(widest.split(' '));
  return scope.split(' ').every((value) => granted.has(value));
}
