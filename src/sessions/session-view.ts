import { isExpired, type Snapshot } from '../core/session.js';
import type { SessionCursor } from '../store/session-directory.js';
import type { SessionDto } from './sessions.dto.js';

/** A session as the API shows it. */
export function viewSession(snapshot: Snapshot): SessionDto {
  const {
    idleTtl: _idleTtl,
    accessTokenTtl: _accessTokenTtl,
    extras: _extras,
    ...session
  } = snapshot.session;
  return {
    ...session,
    authTime: session.authTime.toISOString(),
    createdAt: session.createdAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    idleExpiresAt: session.idleExpiresAt.toISOString(),
    rotatedAt: session.rotatedAt?.toISOString() ?? null,
    revokedAt: session.revokedAt?.toISOString() ?? null,
    status: session.revokedAt ? 'revoked' : isExpired(snapshot) ? 'expired' : 'active',
  };
}

/** Where a page ends, as an opaque text. */
export function writeCursor({ createdAt, id }: SessionCursor): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`).toString('base64url');
}

/** What writeCursor wrote; undefined if it did not write this. */
export function readCursor(text: string): SessionCursor | undefined {
  const match = /^(\S{24}) ([0-9a-f-]{36})$/.exec(Buffer.from(text, 'base64url').toString());
  const createdAt = new Date(match?.[1] ?? NaN);
  return match && !Number.isNaN(createdAt.getTime()) ? { createdAt, id: match[2]! } : undefined;
}
