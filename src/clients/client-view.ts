import { CLIENT_ID, type Client } from '../core/client.js';
import type { ClientDto } from './clients.dto.js';

/** A client as the API shows it. */
export function viewClient(client: Client): ClientDto {
  const { name, jwks, scope, audiences, accessTokenTtl, idleTtl, maxTtl, rotationGrace, recoveryWindow } =
    client;
  const lifetimes = {
    ...(accessTokenTtl !== null && { accessToken: accessTokenTtl }),
    ...(idleTtl !== null && { idle: idleTtl }),
    ...(maxTtl !== null && { max: maxTtl }),
  };
  return {
    id: client.id,
    ...(name !== null && { name }),
    authMethod: client.authMethod,
    ...(client.previousSecretExpiresAt && {
      previousSecretExpiresAt: client.previousSecretExpiresAt.toISOString(),
    }),
    ...(jwks !== null && { jwks: { ...jwks } }),
    refreshMode: client.refreshMode,
    dpopRequired: client.dpopRequired,
    ...(scope !== null && { scope }),
    ...(audiences.length > 0 && { audiences: [...audiences] }),
    ...(Object.keys(lifetimes).length > 0 && { lifetimes }),
    ...(rotationGrace !== null && { rotationGrace }),
    ...(recoveryWindow !== null && { recoveryWindow }),
    createdAt: client.createdAt.toISOString(),
  };
}

/** Where a page ends, as an opaque text. */
export function writeCursor({ id }: Pick<Client, 'id'>): string {
  return Buffer.from(id).toString('base64url');
}

/** The id that writeCursor wrote; undefined if it did not write this. */
export function readCursor(text: string): string | undefined {
  const id = Buffer.from(text, 'base64url').toString();
  return CLIENT_ID.test(id) && writeCursor({ id }) === text ? id : undefined;
}
