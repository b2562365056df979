import type { Session } from '../../src/core/session.ts';

/** The time at which the specs of the rules take place. */
export const NOW = new Date('2030-01-01T12:00:00.000Z');

/** A time so many milliseconds from NOW. */
export function fromNow(milliseconds: number): Date {
  return new Date(NOW.getTime() + milliseconds);
}

/** A live session that was never rotated, and has no siblings, but for what `differently` says. */
export function aSession(differently: Partial<Session> = {}): Session {
  const { generation = 0 } = differently;
  return {
    id: '0216f557-b78a-80af-9cc7-a1186ba43d4b',
    subject: 'ada',
    clientId: 'web',
    scope: null,
    audience: [],
    claims: {},
    device: null,
    amr: [],
    acr: null,
    authTime: fromNow(-3_600_000),
    createdAt: fromNow(-3_600_000),
    expiresAt: fromNow(30 * 86_400_000),
    idleExpiresAt: fromNow(86_400_000),
    idleTtl: 86_400,
    accessTokenTtl: 900,
    generation,
    parent: generation - 1,
    floor: generation - 1,
    parentDisowned: false,
    rotatedAt: null,
    revokedAt: null,
    revokedBy: null,
    clientBound: false,
    dpopJkt: null,
    extras: {},
    ...differently,
  };
}
