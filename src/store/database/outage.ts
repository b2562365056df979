import { Unavailable } from '../../core/unavailable.js';

/** Kinds in which Prisma's driver adapters report a database that cannot be used just now. */
const OUTAGE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
  'TlsConnectionError',
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
]);

/** Those of them that waiting will not mend, when nothing ever worked: a wrong password, a missing database. */
const REFUSED_KINDS = new Set([
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'TlsConnectionError',
]);

/** Whether `error` says that the server answers and will not have us. */
export function isRefusal(error: unknown): boolean {
  return causesOf(error).some(({ kind }) => typeof kind === 'string' && REFUSED_KINDS.has(kind));
}

/**
 * SQLSTATE classes and codes (PostgreSQL manual, appendix A) that pass by themselves or by an operator's hand:
 * connection exceptions, transaction rollbacks, resource shortages (disk full, too many connections), operator
 * intervention (shutdown, cancelled by timeout), a lock not to be had, system errors, a server that only reads; and a
 * prepared statement that is not there, is there already, or whose result has changed: the next connection has it right.
 */
const OUTAGE_SQLSTATE = /^(08|40|53|57|58|55P03|25006|28|26000|42P05|0A000)/;

/** What node-postgres says without a code. */
const OUTAGE_MESSAGE =
  /connection terminated|connection error|timeout exceeded when trying to connect|client has encountered|not queryable|query read timeout|no server takes writes|it only reads|it is a former primary/i;

/** Whether `error` says that the database cannot be used just now, and nothing of what was asked. */
export function isOutage(error: unknown): boolean {
  const causes = causesOf(error);
  // A message may quote what the statement said; it counts only where no adapter has judged the error.
  const judged = causes.some(({ kind }) => typeof kind === 'string');
  return causes.some(({ kind, code, originalCode, message }) => {
    if (typeof kind === 'string' && OUTAGE_KINDS.has(kind)) return true;
    if ([code, originalCode].some((text) => typeof text === 'string' && isOutageCode(text))) return true;
    return !judged && typeof message === 'string' && OUTAGE_MESSAGE.test(message);
  });
}

/**
 * What a failure is counted as: `timeout`, `connection`, or, of what the server refused, the class of its SQLSTATE (PostgreSQL
 * manual, appendix A), such as 53 where resources are short; `other` for anything else.
 */
export function failureClass(error: unknown): string {
  if (error instanceof Unavailable) return 'timeout';
  for (const { kind, code, originalCode, message } of causesOf(error)) {
    for (const text of [originalCode, code])
      if (typeof text === 'string' && /^[0-9A-Z]{5}$/.test(text) && !/^[EP]\D*/.test(text))
        return text.slice(0, 2);
    if (kind === 'SocketTimeout' || (typeof message === 'string' && /time(d )?out/i.test(message)))
      return 'timeout';
    if (typeof kind === 'string' && OUTAGE_KINDS.has(kind)) return 'connection';
  }
  return isOutage(error) ? 'connection' : 'other';
}

/** What the driver or the server said, for the operator; empty if that is not known. Names no password. */
export function saidBy(error: unknown): string {
  const said = causesOf(error).map(({ kind, originalMessage, host, message }) => {
    if (typeof originalMessage === 'string') return originalMessage;
    if (kind === 'DatabaseNotReachable' && typeof host === 'string') return `${host} cannot be reached`;
    return typeof message === 'string' && message.startsWith('no server takes writes') ? message : '';
  });
  return said.find(Boolean) ?? '';
}

/** The error, what it was caused by, what that was caused by, and so on. */
function causesOf(error: unknown): Record<string, unknown>[] {
  const causes = [];
  for (let cause = error; isRecord(cause) && causes.length < 8; cause = cause['cause'] ?? metaOf(cause))
    causes.push(cause);
  return causes;
}

function isOutageCode(code: string): boolean {
  // Prisma's P1xxx are all of connecting; P2024 is a pool that gave no connection in time.
  return (
    OUTAGE_SQLSTATE.test(code) ||
    /^P1\d{3}$/.test(code) ||
    code === 'P2024' ||
    /^E(CONN|HOST|PIPE|TIMEDOUT|NET|AI_AGAIN|NOTFOUND)/.test(code)
  );
}

function metaOf(error: Record<string, unknown>): unknown {
  return isRecord(error['meta']) ? error['meta']['driverAdapterError'] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
