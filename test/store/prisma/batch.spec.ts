import { jest } from '@jest/globals';
import { Batch, type BatchLimits } from '../../../src/store/prisma/batch.ts';
import { Unavailable } from '../../../src/core/unavailable.ts';

const LIMITS: BatchLimits = { size: 3, slots: 1, queue: 5, within: 60_000 };

/** A database that answers a statement when the test lets it. */
class Slow {
  readonly statements: { items: readonly string[]; answer: () => void; fail: (error: Error) => void }[] = [];
  readonly work = (items: readonly string[]): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      const answer = (): void => resolve(items.map((item) => item.toUpperCase()));
      this.statements.push({ items, answer, fail: reject });
    });
}

/** Lets everything that is due in this process happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('calls that share statements', () => {
  let slow: Slow;
  let batch: Batch<string, string>;

  beforeEach(() => {
    slow = new Slow();
    batch = new Batch(LIMITS, slow.work);
  });

  // Nothing is left waiting for an answer that its test had no use for.
  afterEach(async () => {
    // The list grows meanwhile, by those that waited.
    for (const statement of slow.statements) {
      statement.answer();
      await settle();
    }
  });

  const items = (): (readonly string[])[] => slow.statements.map((statement) => statement.items);

  test('a call alone is a statement at once', async () => {
    const answer = batch.add('a', 'a');
    await settle();
    expect(items()).toEqual([['a']]);
    slow.statements[0]!.answer();
    expect(await answer).toBe('A');
  });

  test('calls of one moment go together, and each is given its own answer', async () => {
    const answers = ['a', 'b', 'c'].map((item) => batch.add(item, item));
    await settle();
    expect(items()).toEqual([['a', 'b', 'c']]);
    slow.statements[0]!.answer();
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C']);
  });

  test('whoever comes while a statement is in flight goes with the next, and no statement is too large', async () => {
    void batch.add('a', 'a');
    await settle();
    const later = ['b', 'c', 'd', 'e'].map((item) => batch.add(item, item));
    await settle();
    expect(items()).toEqual([['a']]);
    slow.statements[0]!.answer();
    await settle();
    slow.statements[1]!.answer();
    await settle();
    slow.statements[2]!.answer();
    expect(items()).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
    expect(await Promise.all(later)).toEqual(['B', 'C', 'D', 'E']);
  });

  test('as many statements are in flight as there are slots', async () => {
    batch = new Batch({ ...LIMITS, size: 1, slots: 2 }, slow.work);
    for (const item of ['a', 'b', 'c']) void batch.add(item, item);
    await settle();
    expect(items()).toEqual([['a'], ['b']]);
    slow.statements[1]!.answer();
    await settle();
    expect(items()).toEqual([['a'], ['b'], ['c']]);
  });

  test('two calls for one thing are one entry, until it is in flight', async () => {
    const both = [batch.add('a', 'a'), batch.add('a', 'a')];
    await settle();
    const third = batch.add('a', 'a');
    slow.statements[0]!.answer();
    await settle();
    slow.statements[1]!.answer();
    expect(items()).toEqual([['a'], ['a']]);
    expect(await Promise.all([...both, third])).toEqual(['A', 'A', 'A']);
  });

  test('when too many wait, whoever comes is told so at once, and those who wait go on', async () => {
    void batch.add('a', 'a');
    await settle();
    const waiting = ['b', 'c', 'd', 'e', 'f'].map((item) => batch.add(item, item));
    await expect(batch.add('g', 'g')).rejects.toThrow(Unavailable);
    // One that only joins another takes no place.
    const joining = batch.add('f', 'f');
    for (let at = 0; at < 3; at++) {
      slow.statements[at]!.answer();
      await settle();
    }
    expect(await Promise.all([...waiting, joining])).toEqual(['B', 'C', 'D', 'E', 'F', 'F']);
  });

  test('an outage is told to everyone in the statement, and the next goes on', async () => {
    const lost = [batch.add('a', 'a'), batch.add('b', 'b')];
    await settle();
    const next = batch.add('c', 'c');
    slow.statements[0]!.fail(new Unavailable('database', 'gone'));
    for (const each of lost) await expect(each).rejects.toThrow('gone');
    await settle();
    slow.statements[1]!.answer();
    expect(await next).toBe('C');
    expect(items()).toEqual([['a', 'b'], ['c']]);
  });

  test('an entry that no statement can hold fails alone', async () => {
    const poison = new Error('poison');
    batch = new Batch(LIMITS, (all) =>
      all.includes('b') ? Promise.reject(poison) : Promise.resolve(all.map((item) => item.toUpperCase())),
    );
    const answers = ['a', 'b', 'c'].map((item) => batch.add(item, item));
    expect(await Promise.allSettled(answers)).toEqual([
      { status: 'fulfilled', value: 'A' },
      { status: 'rejected', reason: poison },
      { status: 'fulfilled', value: 'C' },
    ]);
  });

  test("each caller's time runs by itself, and whom nobody waits for is not worked for", async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const first = batch.add('a', 'a');
      await settle();
      const impatient = batch.add('b', 'b');
      const told = expect(Promise.all([first, impatient])).rejects.toThrow('no answer in time');
      jest.advanceTimersByTime(LIMITS.within - 1);
      const patient = batch.add('c', 'c');
      jest.advanceTimersByTime(1);
      await told;
      slow.statements[0]!.answer();
      await settle();
      slow.statements[1]!.answer();
      expect(await patient).toBe('C');
      expect(items()).toEqual([['a'], ['c']]);
    } finally {
      jest.useRealTimers();
    }
  });
});
