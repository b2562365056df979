import fc from 'fast-check';
import type { RefreshPolicy } from '../../src/core/policy.ts';
import { decide, type Decision } from '../../src/core/rotation.ts';
import type { Session } from '../../src/core/session.ts';
import { NOW, aSession, fromNow } from './a-session.ts';

const W = 10_000;
const ROTATE: RefreshPolicy = { grace: W, mode: 'rotate' };
const STRICT: RefreshPolicy = { grace: 0, mode: 'rotate' };
const TOUCH: RefreshPolicy = { grace: W, mode: 'touch' };
const STRICT_TOUCH: RefreshPolicy = { grace: 0, mode: 'touch' };

const NEVER = null;
const n = 5;

/** What a decision comes to, with the generation that the answer's refresh token names. */
function outcome(decision: Decision): string {
  if (decision.kind === 'refuse') return decision.reason;
  return 'generation' in decision ? `${decision.kind} ${decision.generation}` : decision.kind;
}

/** What presenting generation `g` comes to when the session, at n, was last rotated so many milliseconds ago. */
function presented(g: number, rotated: number | null, policy: RefreshPolicy): string {
  const rotatedAt = rotated === null ? null : fromNow(-rotated);
  return outcome(decide({ session: aSession({ generation: n, rotatedAt }), now: NOW }, g, policy));
}

describe('the session is live and at generation n = 5, the window W is 10 s, and a client presents', () => {
  test.each<[what: string, g: number, rotated: number | null, policy: RefreshPolicy, comesTo: string]>([
    // g = n
    ['the current token, for the first time ever', n, NEVER, ROTATE, 'rotate 6'],
    ['the current token, a moment after the window', n, W + 1, ROTATE, 'rotate 6'],
    ['the current token, long after the window', n, 3_600_000, ROTATE, 'rotate 6'],
    ['the current token, in the last moment of the window', n, W, ROTATE, 'coalesce 5'],
    ['the current token, which another tab was just given', n, 1, ROTATE, 'coalesce 5'],
    ['the current token, in the moment of the rotation', n, 0, ROTATE, 'coalesce 5'],
    ['the current token, rotated at a time rounded up', n, -1, ROTATE, 'coalesce 5'],
    // g = n - 1
    ['the superseded token, in the moment of the rotation', n - 1, 0, ROTATE, 'replay 5'],
    ['the superseded token, since the answer was lost', n - 1, 1, ROTATE, 'replay 5'],
    ['the superseded token, in the last moment of the window', n - 1, W, ROTATE, 'replay 5'],
    ['the superseded token, a moment after the window', n - 1, W + 1, ROTATE, 'reuse'],
    ['the superseded token, long after the window', n - 1, 3_600_000, ROTATE, 'reuse'],
    ['a superseded token of a row that knows of no rotation', n - 1, NEVER, ROTATE, 'reuse'],
    // g < n - 1
    ['a token two generations old, inside the window', n - 2, 1, ROTATE, 'reuse'],
    ['a token two generations old', n - 2, W + 1, ROTATE, 'reuse'],
    ['the very first token, inside the window', 0, 1, ROTATE, 'reuse'],
    // g > n
    ['a token that the database forgot', n + 1, W + 1, ROTATE, 'fast-forward 7'],
    ['a token that the database forgot, inside the window', n + 1, 1, ROTATE, 'fast-forward 7'],
    ['a token that the database forgot, with every rotation', n + 1, NEVER, ROTATE, 'fast-forward 7'],
    ['a token of which the database forgot many', n + 9, W + 1, ROTATE, 'fast-forward 15'],
    // W = 0
    ['the current token for the first time, in strict mode', n, NEVER, STRICT, 'rotate 6'],
    ['the current token at once again, in strict mode', n, 0, STRICT, 'rotate 6'],
    ['the current token soon after, in strict mode', n, 1, STRICT, 'rotate 6'],
    ['the superseded token at once, in strict mode', n - 1, 0, STRICT, 'reuse'],
    ['the superseded token soon after, in strict mode', n - 1, 1, STRICT, 'reuse'],
    ['a token that the database forgot, in strict mode', n + 1, 1, STRICT, 'fast-forward 7'],
    // touch
    ['the current token, to be kept', n, NEVER, TOUCH, 'touch 5'],
    ['the current token, to be kept, inside the window', n, 1, TOUCH, 'touch 5'],
    ['the current token, to be kept, after the window', n, W + 1, TOUCH, 'touch 5'],
    ['the current token, to be kept, in strict mode', n, 1, STRICT_TOUCH, 'touch 5'],
    ['the token that another API superseded, inside the window', n - 1, W, TOUCH, 'replay 5'],
    ['the token that another API superseded, after it', n - 1, W + 1, TOUCH, 'reuse'],
    ['the token that another API superseded, in strict mode', n - 1, 1, STRICT_TOUCH, 'reuse'],
    ['a token two generations old, to be kept', n - 2, 1, TOUCH, 'reuse'],
    ['a token that the database forgot, to be kept', n + 1, W + 1, TOUCH, 'fast-forward 6'],
    ['a token of which the database forgot many, to be kept', n + 9, 1, TOUCH, 'fast-forward 14'],
  ])('%s (g = %i, rotated %s ms ago, %j): %s', (_what, g, rotated, policy, comesTo) => {
    expect(presented(g, rotated, policy)).toBe(comesTo);
  });
});

describe('a session that is over is refused, whatever is presented in whatever mode', () => {
  test.each<[how: string, differently: Partial<Session>, refusal: string]>([
    ['revoked a moment ago', { revokedAt: fromNow(-1), revokedBy: 'logout' }, 'revoked'],
    ['revoked in this moment', { revokedAt: NOW, revokedBy: 'service' }, 'revoked'],
    ['revoked inside the window', { revokedAt: NOW, revokedBy: 'reuse', rotatedAt: NOW }, 'revoked'],
    [
      'revoked, then expired',
      { revokedAt: fromNow(-9), revokedBy: 'reuse', expiresAt: fromNow(-1) },
      'revoked',
    ],
    ['idle for too long', { idleExpiresAt: fromNow(-1) }, 'expired'],
    ['idle for exactly as long as it may', { idleExpiresAt: NOW }, 'expired'],
    ['past its absolute deadline', { expiresAt: fromNow(-1) }, 'expired'],
    ['at its absolute deadline', { expiresAt: NOW, idleExpiresAt: NOW }, 'expired'],
    ['at its absolute deadline, inside the window', { expiresAt: NOW, rotatedAt: fromNow(-1) }, 'expired'],
  ])('%s', (_how, differently, refusal) => {
    for (const policy of [ROTATE, STRICT, TOUCH]) {
      for (const g of [0, n - 1, n, n + 1]) {
        const snapshot = { session: aSession({ generation: n, ...differently }), now: NOW };
        expect(outcome(decide(snapshot, g, policy))).toBe(refusal);
      }
    }
  });

  test('not in the database', () => {
    expect(outcome(decide(undefined, 0, ROTATE))).toBe('unknown_session');
  });

  test('but in its last millisecond it is not over', () => {
    const last = aSession({ generation: n, expiresAt: fromNow(1), idleExpiresAt: fromNow(1) });
    expect(outcome(decide({ session: last, now: NOW }, n, ROTATE))).toBe('rotate 6');
  });
});

describe('over any history of refreshes', () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 3 * W }), lag: fc.integer({ min: 0, max: W }) });

  /** Carries a decision out as the store would. */
  function after(session: Session, decision: Decision, now: Date): Session {
    return decision.kind === 'rotate'
      ? { ...session, generation: decision.generation, rotatedAt: now }
      : session;
  }

  test('a client whose request arrives up to W late is never taken for a thief', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        let session = aSession();
        let now = NOW.getTime();
        for (const { wait, lag } of steps) {
          now += wait;
          // A tab reads the newest token and is delayed; meanwhile other tabs refresh as often as they like.
          const read = session.generation;
          for (const moment of [now, now + lag / 2, now + lag]) {
            const decision = decide({ session, now: new Date(moment) }, session.generation, ROTATE);
            session = after(session, decision, new Date(moment));
          }
          now += lag;
          const late = decide({ session, now: new Date(now) }, read, ROTATE);
          expect(['rotate', 'coalesce', 'replay']).toContain(late.kind);
          session = after(session, late, new Date(now));
        }
      }),
    );
  });

  test('the window is anchored at the rotation and does not slide, however often it is used', () => {
    const rotated = aSession({ generation: 1, rotatedAt: NOW });
    const replays = Array.from({ length: 20 }, (_, each) => fromNow((each * W) / 19));
    for (const now of replays) expect(decide({ session: rotated, now }, 0, ROTATE).kind).toBe('replay');
    expect(decide({ session: rotated, now: fromNow(W + 1) }, 0, ROTATE).kind).toBe('reuse');
  });

  test('every answer names a token that the session then accepts', () => {
    const offsets = fc.integer({ min: -2 * W, max: 0 });
    fc.assert(
      fc.property(
        fc.nat(9),
        fc.nat(9),
        fc.option(offsets),
        fc.constantFrom(ROTATE, STRICT, TOUCH),
        (generation, g, rotated, policy) => {
          const session = aSession({ generation, rotatedAt: rotated === null ? null : fromNow(rotated) });
          const decision = decide({ session, now: NOW }, g, policy);
          fc.pre('generation' in decision);
          const changed = decision.kind === 'rotate' || decision.kind === 'fast-forward';
          const next = changed ? { ...session, generation: decision.generation, rotatedAt: NOW } : session;
          expect(next.generation).toBe(decision.generation);
          expect(['reuse', 'refuse']).not.toContain(
            decide({ session: next, now: fromNow(3 * W) }, decision.generation, policy).kind,
          );
        },
      ),
    );
  });
});
