import { Unavailable } from '../../core/unavailable.js';
import { ANSWER_WITHIN } from '../database/database.js';
import type { Sent } from '../store-metrics.js';
import { currentSpan } from '../../tracing/current-trace.js';

/** How many statements of their own may be in flight where none are shared. */
const SLOTS_UNSHARED = 8;
/** Beyond that the database cannot keep up, and whoever comes is told to come again. */
const MOST_WAITING = 1_000;

/** How a batch is made up. */
export interface BatchLimits {
  /** The most entries in one statement. */
  readonly size: number;
  /** The most statements in flight at a time. */
  readonly slots: number;
  /** The most entries that wait for a slot. */
  readonly queue: number;
  /** How long a caller waits for its answer, in milliseconds. */
  readonly within: number;
}

/** For statements of up to `size` entries: one of them in flight, since two at a time would but halve each. */
export function sharedBy(size: number): BatchLimits {
  return { size, slots: size > 1 ? 1 : SLOTS_UNSHARED, queue: MOST_WAITING, within: ANSWER_WITHIN };
}

interface Caller<Result> {
  /** Undefined where the caller's trace is not recorded. */
  readonly sent: Sent | undefined;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly callers: Set<Caller<Result>>;
}

/**
 * Lets concurrent calls share one statement. While the slots are taken, calls gather for the next one; a free slot
 * takes at once what there is, so that a call alone waits for nobody.
 *
 * Calls with the same key are one entry while it waits, and are given the same result. Each caller's time runs by
 * itself, and an entry that makes a statement fail does so alone.
 */
export class Batch<Item, Result> {
  private readonly waiting = new Map<string, Entry<Item, Result>>();
  private readonly sent: Sent | undefined;
  private inFlight = 0;

  /**
   * @param work answers items in their order, and throws Unavailable if it can answer none just now
   * @param watch is given what tells how many entries wait
   */
  constructor(
    private readonly limits: BatchLimits,
    private readonly work: (items: readonly Item[]) => Promise<readonly Result[]>,
    watch?: (waiting: () => number) => Sent,
  ) {
    this.sent = watch?.(() => this.waiting.size);
  }

  /** The result for `item`. @throws Unavailable if too many wait already, or if none comes in time */
  add(key: string, item: Item): Promise<Result> {
    let entry = this.waiting.get(key);
    if (!entry) {
      if (this.waiting.size >= this.limits.queue) return Promise.reject(new Unavailable('queue_full'));
      entry = { item, callers: new Set() };
      this.waiting.set(key, entry);
      // Not at once, so that requests which arrived together share the statement.
      if (this.waiting.size === 1) setImmediate(() => this.fillSlots());
    }
    return this.answerTo(entry);
  }

  private answerTo({ callers }: Entry<Item, Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        callers.delete(caller);
        reject(new Unavailable('database', 'no answer in time'));
      }, this.limits.within);
      const caller: Caller<Result> = {
        sent: tellSpan(),
        resolve: (result) => {
          clearTimeout(late);
          resolve(result);
        },
        reject: (error) => {
          clearTimeout(late);
          reject(error);
        },
      };
      callers.add(caller);
    });
  }

  private fillSlots(): void {
    while (this.inFlight < this.limits.slots) {
      const entries = this.take();
      if (entries.length === 0) return;
      this.inFlight++;
      void this.answer(entries).finally(() => {
        this.inFlight--;
        this.fillSlots();
      });
    }
  }

  private take(): Entry<Item, Result>[] {
    const entries: Entry<Item, Result>[] = [];
    for (const [key, entry] of this.waiting) {
      if (entries.length === this.limits.size) break;
      this.waiting.delete(key);
      // An entry whose callers have all given up costs the database nothing more.
      if (entry.callers.size > 0) entries.push(entry);
    }
    return entries;
  }

  private async answer(entries: readonly Entry<Item, Result>[]): Promise<void> {
    this.sent?.(entries.length);
    for (const { callers } of entries) for (const { sent } of callers) sent?.(entries.length);
    try {
      const results = await this.work(entries.map(({ item }) => item));
      entries.forEach(({ callers }, at) => callers.forEach(({ resolve }) => resolve(results[at]!)));
    } catch (error) {
      if (error instanceof Unavailable || entries.length === 1)
        for (const { callers } of entries) callers.forEach(({ reject }) => reject(error as Error));
      else for (const entry of entries) await this.answer([entry]);
    }
  }
}

/** Lets the span that is being worked for say how many share its statement, and how long that was waited for. */
function tellSpan(): Sent | undefined {
  const span = currentSpan();
  if (!span) return undefined;
  const since = performance.now();
  return (entries) =>
    span.set({
      'ratchet.statement.entries': entries,
      'ratchet.statement.queue_ms': Math.round((performance.now() - since) * 1_000) / 1_000,
    });
}

/** Of what a statement gave, the item of each key, in the order of the keys; undefined where there is none. */
export function inOrderOf<Item>(
  keys: readonly string[],
  items: readonly Item[],
  keyOf: (item: Item) => string,
): (Item | undefined)[] {
  const found = new Map(items.map((item) => [keyOf(item), item]));
  return keys.map((key) => found.get(key));
}
