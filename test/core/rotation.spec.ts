import fc from 'fast-check';
import type { Presenter, RefreshPolicy } from '../../src/core/policy.ts';
import { decide, type Decision } from '../../src/core/rotation.ts';
import type { Session } from '../../src/core/session.ts';
import { NOW, aSession, fromNow } from './a-session.ts';
import { after } from './rules.ts';

const W = 10_000;
const R = 3 * 86_400_000;
const ROTATE: RefreshPolicy = { grace: W, recovery: R, mode: 'rotate' };
const NO_RECOVERY: RefreshPolicy = { ...ROTATE, recovery: 0 };
const STRICT: RefreshPolicy = { ...ROTATE, grace: 0 };
const TOUCH: RefreshPolicy = { ...ROTATE, mode: 'touch' };
const STRICT_TOUCH: RefreshPolicy = { ...STRICT, mode: 'touch' };

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

describe('the session is live and at generation n = 5, the windows are 10 s and 3 d, and a client presents', () => {
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
    ['the superseded token, in the moment of the rotation', n - 1, 0, ROTATE, 'retry 5'],
    ['the superseded token, since the answer was lost', n - 1, 1, ROTATE, 'retry 5'],
    ['the superseded token, in the last moment of the window', n - 1, W, ROTATE, 'retry 5'],
    ['the superseded token, a moment after the window', n - 1, W + 1, ROTATE, 'recover 6'],
    ['the superseded token, long after the window', n - 1, 3_600_000, ROTATE, 'recover 6'],
    ['the superseded token, in the last moment of recovery', n - 1, R, ROTATE, 'recover 6'],
    ['the superseded token, a moment after recovery', n - 1, R + 1, ROTATE, 'reuse'],
    ['the superseded token, inside, where nothing recovers', n - 1, W, NO_RECOVERY, 'retry 5'],
    ['the superseded token, after it, where nothing recovers', n - 1, W + 1, NO_RECOVERY, 'reuse'],
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
    ['the superseded token later, in strict mode', n - 1, W + 1, STRICT, 'reuse'],
    ['a token that the database forgot, in strict mode', n + 1, 1, STRICT, 'fast-forward 7'],
    // touch
    ['the current token, to be kept', n, NEVER, TOUCH, 'touch 5'],
    ['the current token, to be kept, inside the window', n, 1, TOUCH, 'touch 5'],
    ['the current token, to be kept, after the window', n, W + 1, TOUCH, 'touch 5'],
    ['the current token, to be kept, in strict mode', n, 1, STRICT_TOUCH, 'touch 5'],
    ['the token that another API superseded, inside the window', n - 1, W, TOUCH, 'retry 5'],
    ['the token that another API superseded, after it', n - 1, W + 1, TOUCH, 'recover 6'],
    ['the token that another API superseded, long after it', n - 1, R + 1, TOUCH, 'reuse'],
    ['the token that another API superseded, in strict mode', n - 1, 1, STRICT_TOUCH, 'reuse'],
    ['a token two generations old, to be kept', n - 2, 1, TOUCH, 'reuse'],
    ['a token that the database forgot, to be kept', n + 1, W + 1, TOUCH, 'fast-forward 6'],
    ['a token of which the database forgot many, to be kept', n + 9, 1, TOUCH, 'fast-forward 14'],
  ])('%s (g = %i, rotated %s ms ago, %j): %s', (_what, g, rotated, policy, comesTo) => {
    expect(presented(g, rotated, policy)).toBe(comesTo);
  });
});

describe('the session is at n = 5, whose siblings 4 and 3 are not used either, and a client presents', () => {
  // An older sibling of 1 was exchanged for them: 2, disowned, is between.
  const family = { generation: n, parent: 1, floor: 2 };
  test.each<[what: string, g: number, rotated: number, policy: RefreshPolicy, comesTo: string]>([
    ['the newest, inside the window', n, W, ROTATE, 'coalesce 5'],
    ['a sibling, inside the window', n - 1, W, ROTATE, 'coalesce 4'],
    ['the oldest sibling, inside the window', n - 2, 0, ROTATE, 'coalesce 3'],
    ['the newest', n, W + 1, ROTATE, 'rotate 6'],
    ['a sibling', n - 1, W + 1, ROTATE, 'rotate 6'],
    ['the oldest sibling, long after recovery', n - 2, R + 1, ROTATE, 'rotate 6'],
    ['their parent, inside the window', 1, W, ROTATE, 'retry 5'],
    ['their parent', 1, W + 1, ROTATE, 'recover 6'],
    ['their parent, in the last moment of recovery', 1, R, ROTATE, 'recover 6'],
    ['their parent, after recovery', 1, R + 1, ROTATE, 'reuse'],
    ["a sibling of their parent's", 2, W + 1, ROTATE, 'reuse'],
    ["a sibling of their parent's, inside the window", 2, W, ROTATE, 'reuse'],
    ["their parent's parent", 0, W + 1, ROTATE, 'reuse'],
    ['a token that the database forgot', n + 1, W + 1, ROTATE, 'fast-forward 7'],
    ['a sibling, in strict mode', n - 1, 1, STRICT, 'rotate 6'],
    ['their parent, in strict mode', 1, 1, STRICT, 'reuse'],
    ['a sibling, to be kept', n - 1, W + 1, TOUCH, 'touch 4'],
    ['a sibling, to be kept, inside the window', n - 2, 1, TOUCH, 'touch 3'],
  ])('%s (g = %i, %s ms after the exchange, %j): %s', (_what, g, rotated, policy, comesTo) => {
    const session = aSession({ ...family, rotatedAt: fromNow(-rotated) });
    expect(outcome(decide({ session, now: NOW }, g, policy))).toBe(comesTo);
  });

  test('their parent, after one of them came inside the window: it may be late by the window, and no more', () => {
    const coalesced = aSession({ ...family, rotatedAt: fromNow(-1) });
    const session = after(coalesced, 4, decide({ session: coalesced, now: NOW }, 4, ROTATE), NOW);
    const comesTo = (g: number, milliseconds: number): string =>
      outcome(decide({ session, now: fromNow(milliseconds) }, g, ROTATE));
    expect([comesTo(1, 0), comesTo(1, W), comesTo(3, W)]).toEqual(['retry 5', 'reuse', 'rotate 6']);
  });
});

describe('the session is bound to a key', () => {
  const bySelf = { clientId: 'web' };
  const byAssertion = { clientId: 'web', proven: true };
  const family = fc
    .tuple(fc.nat(9), fc.nat(3), fc.nat(2), fc.boolean())
    .map(([generation, siblings, before, parentDisowned]) => {
      const floor = generation - 1 - siblings;
      return { generation, floor, parent: floor - before, parentDisowned };
    });
  const rotated = fc.option(fc.integer({ min: -2 * R, max: 0 }).map(fromNow));
  const policies = fc.constantFrom(ROTATE, NO_RECOVERY, STRICT, TOUCH, STRICT_TOUCH);

  test.each<[what: string, dpopJkt: string | null, proof: Presenter]>([
    ['a proof of the key', 'mine', { ...bySelf, jkt: 'mine' }],
    ['an assertion of the client', null, byAssertion],
    ['an assertion and a proof of another key each time', null, { ...byAssertion, jkt: 'any' }],
  ])('and with %s no token of it is ever reuse, however old', (_what, dpopJkt, presenter) => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(family, rotated, policies, fc.nat(11), (row, rotatedAt, policy, g) => {
        const session = aSession({ ...row, rotatedAt, clientBound: true, dpopJkt });
        const decision = decide({ session, now: NOW }, g, { ...policy, presenter });
        kinds.add(decision.kind);
        if (g <= session.floor) expect(decision).toEqual({ kind: 'retry', generation: session.generation });
        else
          expect(decision).toEqual(
            decide({ session: { ...session, clientBound: false, dpopJkt: null }, now: NOW }, g, policy),
          );
      }),
      { numRuns: 1_000 },
    );
    expect([...kinds].sort()).toEqual(['coalesce', 'fast-forward', 'retry', 'rotate', 'touch']);
  });

  test.each<[what: string, presenter: Presenter | undefined, refusal: string]>([
    ['no proof', bySelf, 'wrong_proof'],
    ['a proof of another key', { ...bySelf, jkt: 'theirs' }, 'wrong_proof'],
    ['another client’s assertion', { clientId: 'other', proven: true }, 'wrong_client'],
    ['nobody’s name', undefined, 'wrong_client'],
  ])('and with %s every token of it is refused, and ends nothing', (_what, presenter, refusal) => {
    fc.assert(
      fc.property(family, rotated, policies, fc.nat(11), (row, rotatedAt, policy, g) => {
        const session = aSession({ ...row, rotatedAt, clientBound: true, dpopJkt: 'mine' });
        const asked = presenter ? { ...policy, presenter } : policy;
        expect(outcome(decide({ session, now: NOW }, g, asked))).toBe(refusal);
      }),
    );
  });

  test('but where a client without a key presents a token of an unbound session, two may hold it', () => {
    const session = aSession({ generation: n, rotatedAt: fromNow(-R - 1), clientBound: true });
    expect(
      outcome(decide({ session, now: NOW }, n - 1, { ...ROTATE, presenter: { ...bySelf, jkt: 'any' } })),
    ).toBe('reuse');
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
            session = after(session, session.generation, decision, new Date(moment));
          }
          now += lag;
          const late = decide({ session, now: new Date(now) }, read, ROTATE);
          expect(['rotate', 'coalesce', 'retry']).toContain(late.kind);
          session = after(session, read, late, new Date(now));
        }
      }),
    );
  });

  test('the window is anchored at the rotation and does not slide, however often it is used', () => {
    const rotated = aSession({ generation: 1, rotatedAt: NOW });
    const retries = Array.from({ length: 20 }, (_, each) => fromNow((each * W) / 19));
    for (const now of retries) expect(decide({ session: rotated, now }, 0, ROTATE).kind).toBe('retry');
    expect(decide({ session: rotated, now: fromNow(W + 1) }, 0, ROTATE).kind).toBe('recover');
  });

  test('every answer names a token that the session then accepts, whether its parent had siblings or not', () => {
    const offsets = fc.integer({ min: -2 * W, max: 0 });
    const families = fc.tuple(fc.nat(9), fc.nat(3), fc.nat(2)).map(([generation, siblings, before]) => {
      const floor = generation - 1 - siblings;
      return { generation, floor, parent: floor - before };
    });
    const policies = fc.constantFrom(ROTATE, NO_RECOVERY, STRICT, TOUCH);
    const kinds = new Set<string>();
    fc.assert(
      fc.property(families, fc.nat(11), fc.option(offsets), policies, (family, g, rotated, policy) => {
        const session = aSession({ ...family, rotatedAt: rotated === null ? null : fromNow(rotated) });
        const decision = decide({ session, now: NOW }, g, policy);
        fc.pre('generation' in decision);
        kinds.add(decision.kind);
        const next = after(session, g, decision, NOW);
        const again = decide({ session: next, now: fromNow(3 * W) }, decision.generation, policy);
        expect(['rotate', 'touch']).toContain(again.kind);
      }),
      { numRuns: 1_000 },
    );
    expect(kinds.size).toBe(6);
  });
});
