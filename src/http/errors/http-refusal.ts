import type { Flaw, RefusalReason, RefusalDetail } from '../../core/refusal.js';

/** What can go wrong with a request, for the client: a refusal, or something that HTTP itself says no to. */
export type HttpRefusalReason =
  | RefusalReason
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'payload_too_large'
  | 'internal_error';

/** A refusal with what the client may read about it. */
export interface HttpRefusal {
  readonly reason: HttpRefusalReason;
  /** What is wrong with the request. */
  readonly flaws?: readonly Flaw[];
  /** Seconds. */
  readonly retryAfter?: number;
  /** The methods there are, when this one is not allowed (RFC 9110 section 15.5.6). */
  readonly allow?: string;
  /** For the operator only. */
  readonly detail?: RefusalDetail;
}

/** Thrown where no value can be returned (a guard, a pipe) to refuse a request. */
export class RefusalException extends Error {
  constructor(readonly refusal: HttpRefusal) {
    super(refusal.reason);
    this.name = 'RefusalException';
  }
}
