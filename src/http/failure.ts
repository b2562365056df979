import type { Flaw, Refusal } from '../core/refusal.js';

/** What can go wrong with a request, for the client: a refusal, or something that HTTP itself says no to. */
export type Failure = Refusal | 'not_found' | 'method_not_allowed' | 'payload_too_large' | 'internal_error';

/** A failure with what the client may read about it. */
export interface Failed {
  readonly reason: Failure;
  /** What is wrong with the request. */
  readonly flaws?: readonly Flaw[];
  /** Seconds. */
  readonly retryAfter?: number;
  /** The methods there are, when this one is not allowed (RFC 9110 section 15.5.6). */
  readonly allow?: string;
}

/** A failure in the words of a contract. */
export interface Spoken {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an API says what went wrong: its error body and status for any failure, whatever caused it. */
export type Words = (failed: Failed, requestId: string) => Spoken;

/** Thrown where no value can be returned (a guard, a pipe) to refuse a request. */
export class FailedRequest extends Error {
  constructor(readonly failed: Failed) {
    super(failed.reason);
    this.name = 'FailedRequest';
  }
}

/** What is wrong with a request, by the member that is: the place itself where a flaw names none. */
export function sentencesByField(flaws: readonly Flaw[]): Record<string, string[]> {
  const sentences: Record<string, string[]> = {};
  for (const { in: place, name, message } of flaws) (sentences[name ?? place] ??= []).push(message);
  return sentences;
}
