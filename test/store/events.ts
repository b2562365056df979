import type { Amending, EventOf, Revoking } from '../../src/core/session-event.ts';

/** What histories tell, where it is no matter what. */
export const RECOVERED: EventOf<'recovered'> = { kind: 'recovered', presented: 1, newest: 2 };
export const FAST_FORWARDED: EventOf<'fast_forwarded'> = { kind: 'fast_forwarded', presented: 2, newest: 1 };
export const AMENDED: Amending = { kind: 'amended', serviceKey: 'web', changed: ['scope'] };
export const LOGOUT: Revoking = { kind: 'ended', by: 'logout' };
export const REUSE: Revoking = { kind: 'ended', by: 'reuse', presented: 1, newest: 4 };
export const BY_SERVICE: Revoking = { kind: 'ended', by: 'service', serviceKey: 'web' };
