import { isUUID } from 'class-validator';
import { isExpired, type Snapshot } from '../core/session.js';
import { RefusalException } from '../http/errors/http-refusal.js';
import type { PageDto } from '../http/validation/page.dto.js';
import { readTimestamp } from '../http/validation/timestamp.js';
import type { SessionCursor } from '../store/session-registry.js';
import type { SessionDto } from './sessions.dto.js';

/** A session as the API shows it: nothing that the engine keeps for itself. */
export function viewSession(snapshot: Snapshot): SessionDto {
  const { session } = snapshot;
  const { id, subject, clientId, scope, audience, claims, device, amr, acr } = session;
  const { generation, revokedBy, clientBound, dpopJkt } = session;
  return {
    ...{ id, subject, clientId, scope, audience, claims, device, amr, acr },
    authTime: session.authTime.toISOString(),
    createdAt: session.createdAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    idleExpiresAt: session.idleExpiresAt.toISOString(),
    ...{ generation, revokedBy, clientBound, dpopJkt },
    rotatedAt: session.rotatedAt?.toISOString() ?? null,
    revokedAt: session.revokedAt?.toISOString() ?? null,
    status: session.revokedAt ? 'revoked' : isExpired(snapshot) ? 'expired' : 'active',
  };
}

/** Where a page ends, as an opaque text. */
export function writeCursor({ createdAt, id }: SessionCursor): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`).toString('base64url');
}

/**
 * Where the page that is asked for begins; undefined for the first one.
 *
 * @throws RefusalException if the cursor is none
 */
export function cursorIn({ cursor: text }: PageDto): SessionCursor | undefined {
  const cursor = text === undefined ? undefined : readCursor(text);
  if (text === undefined || cursor) return cursor;
  const message = 'cursor must be the next of a page before';
  throw new RefusalException({
    reason: 'invalid_request',
    flaws: [{ in: 'query', name: 'cursor', message }],
  });
}

/** What writeCursor wrote; undefined if it did not write this. */
function readCursor(text: string): SessionCursor | undefined {
  const [time, id = ''] = Buffer.from(text, 'base64url').toString().split(' ');
  const createdAt = readTimestamp(time);
  if (!createdAt || !isUUID(id)) return undefined;
  return writeCursor({ createdAt, id }) === text ? { createdAt, id } : undefined;
}
