import type { ExportedSession, SessionExport } from '../../store/session-export.js';
import type { ImportedSession, SessionImport } from '../../store/session-import.js';
import { readLine, type LineRules } from './line-reader.js';
import { linesOf } from './lines.js';

/** In one statement. */
const BATCH = 1_000;
/** Statements under way at once: while one is written, the next is read. */
const AT_ONCE = 2;
/** The longest line, in bytes: claims of 4 KB, extras, and room. */
const LONGEST_LINE = 64 * 1024;

/** What has come of an import so far. */
export interface ImportCounts {
  /** Lines, blank ones too. */
  lines: number;
  /** Of the file. */
  bytes: number;
  imported: number;
  /** Whose token was there before: in the database, or further up in the file. */
  already: number;
  refused: number;
  /** All lines before this one are done with: where to go on after a break. */
  next: number;
}

/** What an import works with. */
export interface ImportTools {
  readonly rules: LineRules;
  /**
   * Where sessions of another system go, and those of another deployment; undefined in a dry run, which reads and judges
   * alone.
   */
  readonly store: { readonly sessions: SessionImport; readonly moved: SessionExport } | undefined;
  /** Told of each line that is refused, and why. */
  readonly refuse: (line: number, reasons: readonly string[]) => Promise<void>;
  /** Told now and then. */
  readonly report: (counts: Readonly<ImportCounts>) => void;
  /** The first line to be read. */
  readonly from?: number;
}

/**
 * Imports sessions, a line each. Each is taken in whole or not at all, once, however often its line comes; so an import that
 * broke off is simply run again. Memory does not grow with the file.
 *
 * @throws Unavailable if the database does not answer; `report` has told where to go on
 */
export async function importSessions(
  stream: AsyncIterable<Buffer>,
  { rules, store, refuse, report, from = 1 }: ImportTools,
): Promise<Readonly<ImportCounts>> {
  const counts: ImportCounts = { lines: 0, bytes: 0, imported: 0, already: 0, refused: 0, next: from };
  const underWay: Promise<void>[] = [];
  let batch: (ImportedSession | ExportedSession)[] = [];

  const add = async (
    sessions: readonly (ImportedSession | ExportedSession)[],
    next: number,
    before: Promise<unknown>,
  ): Promise<void> => {
    if (store && sessions.length > 0) {
      const moved = sessions.filter((session): session is ExportedSession => 'generation' in session);
      const others = sessions.filter((session): session is ImportedSession => !('generation' in session));
      const inserted =
        (others.length > 0 ? (await store.sessions.add(others)).size : 0) +
        (moved.length > 0 ? await store.moved.restore(moved) : 0);
      counts.imported += inserted;
      counts.already += sessions.length - inserted;
    } else counts.imported += sessions.length;
    await before;
    counts.next = next;
    report(counts);
  };
  const flush = async (next: number): Promise<void> => {
    const before = underWay.at(-1) ?? Promise.resolve();
    const added = add(batch, next, before);
    // Awaited below, or by the one after it.
    added.catch(() => undefined);
    underWay.push(added);
    batch = [];
    if (underWay.length >= AT_ONCE) await underWay.shift();
  };

  const counted = (async function* () {
    for await (const chunk of stream) {
      counts.bytes += chunk.length;
      yield chunk;
    }
  })();
  for await (const { number, text } of linesOf(counted, LONGEST_LINE)) {
    counts.lines = number;
    if (number < from || text?.trim() === '') continue;
    const read =
      text === undefined
        ? [`the line is longer than ${LONGEST_LINE} bytes`]
        : readLine(text, rules, new Date());
    if (read instanceof Array) {
      counts.refused += 1;
      await refuse(number, read);
    } else if (batch.push(read) === BATCH) await flush(number + 1);
  }
  await flush(counts.lines + 1);
  await Promise.all(underWay);
  return counts;
}
