import type { FastifyRequest } from 'fastify';
import type { RefusalDetail, RefusalReason } from '../core/refusal.js';
import type { Turn } from '../core/rotation.js';

/** What is recorded of a request beyond HTTP, for its log line and the metrics. Set by whoever knows. */
export interface RequestRecord {
  contract?: string;
  /** How the request came out: `rotate`, `retry`, ..., or `refused`, `failed`, or `gone` before all of it had come. */
  outcome?: string;
  reason?: string;
  detail?: RefusalDetail;
  /** The origin that was turned away, cut short; undefined where the browser did not say. */
  origin?: string | undefined;
  sessionId?: string;
  /** The session whose place an opened one was asked to take. */
  replaces?: string;
  /** Whose session it is, and which client's; of the contracts, the subject where that may point at an attack. */
  subject?: string;
  clientId?: string;
  /** The client that called, authenticated; or else what it said that it was, cut short. */
  presenter?: string;
  claimedClient?: string;
  /** Whether it is a dry run, however it comes out. */
  dryRun?: boolean;
  /** The name of the service key. */
  serviceKey?: string;
}

const RECORD = Symbol('request record');
type Recorded = FastifyRequest & { [RECORD]?: RequestRecord | undefined };

/** The request's record, to be added to. */
export function recordOf(request: FastifyRequest): RequestRecord {
  return ((request as Recorded)[RECORD] ??= {});
}

/** What points at an attack rather than at a lapse: these refusals, and an exchange that was made a second time. */
const SUSPICIOUS: ReadonlySet<string> = new Set<RefusalReason | Turn['kind']>([
  'reused',
  'wrong_client',
  'wrong_proof',
  'recover',
]);

/** Whether what is recorded points at an attack rather than at a lapse. A dry run, which anyone may try, does not. */
export function isSuspicious({ outcome = '', reason = '', dryRun = false }: RequestRecord): boolean {
  return !dryRun && (SUSPICIOUS.has(outcome) || SUSPICIOUS.has(reason));
}
