/** What a worker asks of the primary: to count each key once more, or for the metrics of all workers. */
export type Question = { readonly count: readonly string[] } | { readonly metrics: true };

/** A question on its way, with a number that its answer bears too. */
export type Asked = Question & { readonly ask: number };

/** How often a key was counted, by whichever worker, and milliseconds until that starts anew. */
export type Counted = readonly [count: number, reset: number];

/** What the primary says: the counts in the order of the keys, the metrics in Prometheus's text format, or why not. */
export interface Answer {
  readonly answers: number;
  readonly counted?: readonly Counted[];
  readonly metrics?: string;
  readonly failed?: string;
}
