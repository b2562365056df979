import type { Caller, EventOf, PresentedGeneration, SessionEvent } from '../../core/session-event.js';
import { durationInWords } from './duration-in-words.js';

/** Tells an event in a sentence or two, for support to read and to pass on. */
export function eventInWords(event: SessionEvent): string {
  switch (event.kind) {
    case 'opened': {
      const device = event.device === null ? '' : `, on ${event.device}`;
      return `Opened by ${event.serviceKey} for the client ${event.clientId}${device}${whence(event)}.`;
    }
    case 'moved_in':
      return 'Refreshed here for the first time, with a token of the system before.';
    case 'amended':
      return `${event.serviceKey} changed its ${event.changed.join(' and its ')}.`;
    case 'recovered':
      return (
        `Refresh token ${event.presented} came again${lateness(event)}${whence(event)}, and no later one had been used: the ` +
        'answer was probably lost. It was exchanged once more.'
      );
    case 'fast_forwarded':
      return (
        `Refresh token ${event.presented} came${whence(event)}, when the database knew of none after ${event.newest}: it had lost ` +
        'what came later, and caught up.'
      );
    case 'ended':
      return endInWords(event);
    case 'deleted':
      return 'Its row was deleted, some time after its deadline.';
    default:
      return event satisfies never;
  }
}

function endInWords(event: EventOf<'ended'>): string {
  switch (event.by) {
    case 'logout':
      return event.from === undefined
        ? `Ended by a logout${whence(event)}.`
        : `Ended by its subject, from the session ${event.from}${whence(event)}.`;
    case 'reuse':
      return (
        `Ended: refresh token ${event.presented} came${whence(event)}. It ${DISOWNED[event.detail ?? ''] ?? 'was good no more'}; the ` +
        `newest was ${event.newest}, ${behind(event)}, and the last exchange was ${durationInWords(event.lateBy ?? 0)} before. ` +
        'Either this one or the token in use is in somebody else’s hands, or a client went back to a copy of old.'
      );
    case 'service':
      return serviceInWords(event);
    case 'limit':
      return (
        `Ended: its subject may have ${event.limit} sessions of this client, and it was the longest unused when the session ` +
        `${event.replacedBy} was opened.`
      );
    case 'expiry':
      return event.deadline === 'idle_deadline'
        ? 'Expired: it was not refreshed for as long as it may be idle.'
        : 'Expired: it had lived for as long as it may.';
    default:
      return event satisfies never;
  }
}

function serviceInWords({
  serviceKey = 'a login backend',
  with: others,
  before,
  replacedBy,
}: Extract<EventOf<'ended'>, { by: 'service' }>): string {
  if (replacedBy !== undefined)
    return `Ended by ${serviceKey}, which opened the session ${replacedBy} in its place.`;
  const which = others === undefined ? '' : TOGETHER[others];
  return `Ended by ${serviceKey}${which}${before === undefined ? '' : ` that were opened until ${before}`}.`;
}

const TOGETHER = {
  subject: ', with the sessions of its subject',
  client_id: ', with all sessions of its client id',
  everybody: ', with everybody’s sessions',
  client: ', which removed its client, with all sessions of that',
} as const;

/** What is wrong with a token that is refused as reused, by the detail of the refusal. */
export const DISOWNED: Readonly<Record<string, string>> = {
  parent_late: 'had been exchanged, and came too late to be exchanged again',
  parent_disowned: 'had been exchanged, and what it was exchanged for has been used',
  sibling_disowned: 'was given out in an exchange whose other answer has been used',
  two_behind: 'had been exchanged, and what it was exchanged for as well',
};

function behind({ presented, newest }: PresentedGeneration): string {
  return newest - presented === 1 ? 'one on' : `${newest - presented} on`;
}

function lateness({ lateBy }: PresentedGeneration): string {
  return lateBy === undefined ? '' : `, ${durationInWords(lateBy)} after its exchange`;
}

function whence({ address, userAgent }: Caller): string {
  const agent = userAgent === undefined ? '' : ` (${userAgent})`;
  return address === undefined ? agent : ` from ${address}${agent}`;
}
