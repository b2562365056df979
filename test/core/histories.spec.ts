import { fromNow } from './a-session.ts';
import {
  OPENED,
  W,
  newestAlone,
  ours,
  parentForEver,
  previousForAWhile,
  type Row,
  type Rule,
} from './rules.ts';

/** How long after the last exchange a token is presented: just inside the window, and outside it. */
const INSIDE = 1;
const OUTSIDE = W + 1;

/** An answer that is still on its way. */
interface Pending {
  readonly asked: number;
  readonly given: number;
  /** How many refreshes of the owner counted when it was asked for. */
  readonly count: number;
}

/** A client, as far as it has come. */
interface Owner {
  readonly held: number;
  readonly pending: readonly Pending[];
  /** The refreshes that were answered, each asked for after the answer of the one before had arrived. */
  readonly count: number;
}

/** What may become of an answer. */
type Fate = 'arrives' | 'is lost' | 'is delayed';

/**
 * Every way in which an owner may come out of an exchange. It holds whatever arrived last; but once it has presented
 * a successor it has no ear for answers to older requests.
 */
function* answered(owner: Owner, given: number, fates: readonly Fate[]): Generator<Owner> {
  const asked = owner.held;
  const waiting = owner.pending.filter((each) => each.asked === asked);
  for (const fate of fates) {
    const answer = { asked, given, count: owner.count };
    if (fate === 'arrives') yield* withLateAnswers(arrived({ ...owner, pending: waiting }, answer));
    if (fate === 'is lost') yield* withLateAnswers({ ...owner, pending: waiting });
    if (fate === 'is delayed') yield* withLateAnswers({ ...owner, pending: [...waiting, answer] });
  }
}

/** The owner as it is, and with each one of the answers that may arrive now. */
function* withLateAnswers(owner: Owner): Generator<Owner> {
  yield owner;
  for (const late of owner.pending)
    yield arrived({ ...owner, pending: owner.pending.filter((each) => each !== late) }, late);
}

function arrived(owner: Owner, { given, count }: Pending): Owner {
  return { ...owner, held: given, count: Math.max(owner.count, count + 1) };
}

/** How many histories there are, and in how many of them the owner is refused. */
interface Counted {
  histories: number;
  refused: number;
}

/** Goes through every history of an owner who is alone. */
function alone(rule: Rule, exchanges: number, fates: readonly Fate[]): Counted {
  const counted: Counted = { histories: 0, refused: 0 };
  const go = (row: Row, owner: Owner, at: number, left: number): void => {
    if (left === 0) {
      counted.histories++;
      return;
    }
    for (const pause of [INSIDE, OUTSIDE]) {
      const now = at + pause;
      const presented = rule.present(row, owner.held, fromNow(now));
      if (presented) {
        for (const next of answered(owner, presented.given, fates)) go(presented.row, next, now, left - 1);
      } else {
        counted.histories++;
        counted.refused++;
      }
    }
  };
  go(OPENED, { held: 0, pending: [], count: 0 }, 0, exchanges);
  return counted;
}

describe('an owner who is alone, in every history', () => {
  const told = (rule: Rule, exchanges: number, { refused, histories }: Counted): void =>
    console.log(`${rule.name}: refused in ${refused} of ${histories} histories of ${exchanges} exchanges`);

  test.each<[rule: Rule, counted: Counted]>([
    [ours(), { histories: 16_384, refused: 0 }],
    [newestAlone, { histories: 16_384, refused: 0 }],
    [parentForEver, { histories: 16_384, refused: 0 }],
    [previousForAWhile, { histories: 6_066, refused: 658 }],
  ])('of seven exchanges whose answers arrive or are lost: %j', (rule, expected) => {
    const counted = alone(rule, 7, ['arrives', 'is lost']);
    told(rule, 7, counted);
    expect(counted).toEqual(expected);
  });

  test.each<[rule: Rule, counted: Counted]>([
    [ours(), { histories: 78_416, refused: 0 }],
    [newestAlone, { histories: 64_376, refused: 1_512 }],
    [previousForAWhile, { histories: 31_684, refused: 1_194 }],
  ])('of five exchanges whose answers arrive late and out of order, too: %j', (rule, expected) => {
    const counted = alone(rule, 5, ['arrives', 'is lost', 'is delayed']);
    told(rule, 5, counted);
    expect(counted).toEqual(expected);
  });
});

/** The owner at a theft: from now on only refreshes count that are asked for later. */
function startCounting({ held, pending }: Owner): Owner {
  return { held, pending: pending.map((each) => ({ ...each, count: -1 })), count: 0 };
}

/** What is found of thefts. */
interface Thefts {
  histories: number;
  /** The most refreshes that the owner was answered, after the theft, before the thief was let in once more. */
  longest: number;
}

/** Goes through every history, outside the window, of an owner and a thief who copies one token, any, at any time. */
function robbed(rule: Rule, exchanges: number, fates: readonly Fate[]): Thefts {
  const thefts: Thefts = { histories: 0, longest: -1 };
  type Tokens = ReadonlySet<number>;
  const go = (row: Row, owner: Owner, stolen: Tokens | undefined, at: number, left: number): void => {
    if (left === 0) {
      thefts.histories++;
      return;
    }
    const now = at + OUTSIDE;
    // Also one that was lost on its way. One that is still on its way will be copied when it is there: to the owner,
    // whose refreshes are counted, it is not a token of the past.
    if (!stolen)
      for (let token = 0; token <= row.generation; token++)
        if (!owner.pending.some(({ given }) => given === token))
          go(row, startCounting(owner), new Set([token]), at, left);
    const owners = rule.present(row, owner.held, fromNow(now));
    if (!owners) thefts.histories++;
    else for (const next of answered(owner, owners.given, fates)) go(owners.row, next, stolen, now, left - 1);
    for (const token of stolen ?? []) {
      const thiefs = rule.present(row, token, fromNow(now));
      if (!thiefs) {
        thefts.histories++;
        continue;
      }
      thefts.longest = Math.max(thefts.longest, owner.count);
      go(thiefs.row, owner, new Set([...stolen!, thiefs.given]), now, left - 1);
    }
  };
  go(OPENED, { held: 0, pending: [], count: 0 }, undefined, 0, exchanges);
  return thefts;
}

describe('a thief who copies any token at any time, outside the window, in every history', () => {
  const told = (rule: Rule, exchanges: number, { histories, longest }: Thefts): void =>
    console.log(
      `${rule.name}: a thief was let in after ${longest} of the owner's refreshes at most, in ${histories} histories of ${exchanges} exchanges`,
    );

  test.each<[rule: Rule, longest: Record<number, number>]>([
    [ours(), { 5: 1, 6: 1, 7: 1 }],
    [newestAlone, { 5: 1, 6: 1, 7: 1 }],
    [previousForAWhile, { 5: 0, 6: 0, 7: 0 }],
    // In step for ever: the longer the history, the longer.
    [parentForEver, { 5: 2, 7: 3, 9: 4 }],
  ])('whose answers arrive or are lost: %j', (rule, longest) => {
    for (const exchanges of Object.keys(longest).map(Number)) {
      const thefts = robbed(rule, exchanges, ['arrives', 'is lost']);
      told(rule, exchanges, thefts);
      expect(thefts.longest).toBe(longest[exchanges]);
    }
  });

  test('of five exchanges whose answers arrive late and out of order, too', () => {
    const thefts = robbed(ours(), 5, ['arrives', 'is lost', 'is delayed']);
    told(ours(), 5, thefts);
    expect(thefts.longest).toBe(1);
  });
});
