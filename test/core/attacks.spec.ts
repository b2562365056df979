import { fromNow } from './a-session.ts';
import { OPENED, W, ours, parentForEver, previousForAWhile, type Row, type Rule } from './rules.ts';

/** How a thief goes about it. */
interface Attack {
  /** Who comes first after the theft, and then in each round. */
  readonly first: 'thief' | 'owner';
  /** The token that the owner holds, or the one that it gave for it. */
  readonly stolen: 'current' | 'parent';
  /** Whether the thief copies the owner's token once, or anew in every round. */
  readonly copies: 'once' | 'every time';
  /** Whether the thief comes within the window of the owner's refreshes. */
  readonly window: 'outside' | 'inside';
}

/** In each round the owner refreshes once. */
const ROUND = 90 * W;
const APART = { outside: 5 * W, inside: 1 };

/** Where a round begins: the row, what the owner has, what the thief has. */
interface Standing {
  readonly row: Row;
  readonly held: number;
  readonly parent: number;
  readonly loot: ReadonlySet<number>;
  /** How many refreshes of the owner were answered since the theft. */
  readonly answered: number;
}

/**
 * The most refreshes that the owner is answered before the thief is let in for the last time, whichever of his tokens
 * he presents in each of so many rounds, or none; -1 if he is never let in.
 */
function stay(rule: Rule, attack: Attack, rounds: number): number {
  let longest = -1;
  const start = turn(rule, { row: OPENED, held: 0, parent: -1, loot: new Set(), answered: -1 }, 0)!;

  const thief = (standing: Standing, at: number, then: (standing: Standing) => void): void => {
    const { [attack.stolen === 'current' ? 'held' : 'parent']: within, loot } = standing;
    const tokens = attack.copies === 'every time' || loot.size === 0 ? new Set([...loot, within]) : loot;
    // Who copies anew each time is let in each time, or it is over.
    if (attack.copies === 'once') then({ ...standing, loot: tokens });
    for (const token of tokens) {
      const presented = rule.present(standing.row, token, fromNow(at));
      if (!presented) continue;
      longest = Math.max(longest, standing.answered);
      then({ ...standing, row: presented.row, loot: new Set([...tokens, presented.given]) });
    }
  };
  const owner = (standing: Standing, at: number, then: (standing: Standing) => void): void => {
    const next = turn(rule, standing, at);
    if (next) then(next);
  };
  const round = (standing: Standing, number: number): void => {
    if (number > rounds) return;
    const at = number * ROUND;
    const later = at + APART[attack.window];
    const next = (after: Standing): void => round(after, number + 1);
    if (attack.first === 'thief') thief(standing, at, (after) => owner(after, later, next));
    else owner(standing, at, (after) => thief(after, later, next));
  };
  // Who comes second has copied the token before the first came.
  const loot = new Set(
    attack.first === 'owner' ? [attack.stolen === 'current' ? start.held : start.parent] : [],
  );
  round({ ...start, loot }, 1);
  return longest;
}

/** The owner refreshes, and its answer arrives; undefined if it is refused. */
function turn(rule: Rule, standing: Standing, at: number): Standing | undefined {
  const presented = rule.present(standing.row, standing.held, fromNow(at));
  if (!presented) return undefined;
  const held = presented.given;
  const parent = held === standing.held ? standing.parent : standing.held;
  return { ...standing, row: presented.row, held, parent, answered: standing.answered + 1 };
}

/** In words: until which of the owner's refreshes the thief is in, at the latest. */
function until(rule: Rule, attack: Attack): string {
  const [short, long] = [stay(rule, attack, 5), stay(rule, attack, 7)];
  if (long !== short) return 'for ever';
  return short === -1 ? 'never' : `${short + 1}`;
}

type Told = [
  window: Attack['window'],
  copies: Attack['copies'],
  stolen: Attack['stolen'],
  first: Attack['first'],
  previousForAWhile: string,
  parentForEver: string,
  ours: string,
];

describe('a thief is in until the owner has been answered so many refreshes, by three rules, who', () => {
  // docs/how-it-works.md has this table.
  test.each<Told>([
    ['outside', 'once', 'current', 'thief', '1', 'for ever', '2'],
    ['outside', 'once', 'current', 'owner', 'never', 'for ever', '2'],
    ['outside', 'once', 'parent', 'thief', 'never', 'for ever', '1'],
    ['outside', 'once', 'parent', 'owner', 'never', 'never', 'never'],
    ['outside', 'every time', 'current', 'thief', '1', 'for ever', 'for ever'],
    ['outside', 'every time', 'current', 'owner', '2', 'for ever', 'for ever'],
    ['outside', 'every time', 'parent', 'thief', 'never', 'for ever', 'for ever'],
    ['outside', 'every time', 'parent', 'owner', 'never', 'for ever', 'for ever'],
    ['inside', 'once', 'current', 'thief', 'for ever', 'for ever', 'for ever'],
    ['inside', 'once', 'current', 'owner', 'for ever', 'for ever', 'for ever'],
    ['inside', 'once', 'parent', 'thief', 'never', 'for ever', '2'],
    ['inside', 'once', 'parent', 'owner', 'never', 'for ever', 'never'],
    ['inside', 'every time', 'current', 'thief', 'for ever', 'for ever', 'for ever'],
    ['inside', 'every time', 'current', 'owner', 'for ever', 'for ever', 'for ever'],
    ['inside', 'every time', 'parent', 'thief', 'never', 'for ever', '2'],
    ['inside', 'every time', 'parent', 'owner', 'for ever', 'for ever', 'for ever'],
  ])(
    'comes %s the window, having copied %s the %s token, the %s first: %s, %s, %s',
    (window, copies, stolen, first, ...told) => {
      const attack = { window, copies, stolen, first };
      expect([previousForAWhile, parentForEver, ours()].map((rule) => until(rule, attack))).toEqual(told);
    },
  );
});
