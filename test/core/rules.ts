import type { RefreshPolicy } from '../../src/core/policy.ts';
import { decide, disownsParent, type Decision } from '../../src/core/rotation.ts';
import type { Session } from '../../src/core/session.ts';
import { aSession } from './a-session.ts';

/** The windows of the models, in milliseconds. */
export const W = 10_000;
export const R = 3 * 86_400_000;

/** What a rule knows of a session. */
export type Row = Pick<Session, 'generation' | 'parent' | 'floor' | 'parentDisowned' | 'rotatedAt'>;

/** A rule of rotation: what presenting a generation comes to, the row after it and the generation that is given. */
export interface Rule {
  readonly name: string;
  /** Undefined is a refusal, which ends the session. */
  readonly present: (row: Row, presented: number, now: Date) => { row: Row; given: number } | undefined;
}

/** A session that was just opened: its token is of generation 0. */
export const OPENED: Row = { generation: 0, parent: -1, floor: -1, parentDisowned: false, rotatedAt: null };

/** The session as a decision of core/rotation.ts leaves it, but for its idle deadline. */
export function after<T extends Row>(row: T, presented: number, decision: Decision, now: Date): T {
  switch (decision.kind) {
    case 'rotate':
      return {
        ...row,
        generation: decision.generation,
        parent: presented,
        floor: row.generation,
        parentDisowned: false,
        rotatedAt: now,
      };
    case 'coalesce':
    case 'touch':
      return disownsParent({ session: aSession(row), now }, decision)
        ? { ...row, parentDisowned: true }
        : row;
    case 'recover':
      return { ...row, generation: decision.generation, rotatedAt: now };
    case 'fast-forward': {
      const before = decision.generation - 1;
      const disowned = { parent: before, floor: before, parentDisowned: false };
      return { ...row, ...disowned, generation: decision.generation, rotatedAt: now };
    }
    default:
      return row;
  }
}

/** The rule that the service follows. */
export function ours(policy: RefreshPolicy = { grace: W, recovery: R, mode: 'rotate' }): Rule {
  return {
    name: 'Ratchet',
    present(row, presented, now) {
      const decision = decide({ session: aSession(row), now }, presented, policy);
      return 'generation' in decision
        ? { row: after(row, presented, decision, now), given: decision.generation }
        : undefined;
    },
  };
}

/** The rule of Ratchet's first release, and of most services: the previous token is good for the grace window. */
export const previousForAWhile: Rule = {
  name: 'previous token for the window',
  present(row, presented, now) {
    if (presented === row.generation) return isInside(row, now) ? keep(row) : turn(row, presented, now);
    return presented === row.generation - 1 && isInside(row, now) ? keep(row) : undefined;
  },
};

/** Supabase's: whoever presents the parent is given its one child, at any time; any other inside the window is, too. */
export const parentForEver: Rule = {
  name: 'parent for ever',
  present(row, presented, now) {
    if (presented === row.generation) return turn(row, presented, now);
    return presented === row.generation - 1 || isInside(row, now) ? keep(row) : undefined;
  },
};

/** Ours, but that a sibling displaces those before it. */
export const newestAlone: Rule = {
  name: 'newest sibling alone',
  present(row, presented, now) {
    if (presented === row.generation) return isInside(row, now) ? keep(row) : turn(row, presented, now);
    if (presented !== row.parent) return undefined;
    return isInside(row, now) ? keep(row) : turn(row, row.parent, now);
  },
};

function isInside({ rotatedAt }: Row, now: Date): boolean {
  return rotatedAt !== null && now.getTime() - rotatedAt.getTime() <= W;
}

function keep(row: Row): { row: Row; given: number } {
  return { row, given: row.generation };
}

function turn(row: Row, parent: number, now: Date): { row: Row; given: number } {
  const generation = row.generation + 1;
  return {
    row: { generation, parent, floor: row.generation, parentDisowned: false, rotatedAt: now },
    given: generation,
  };
}
