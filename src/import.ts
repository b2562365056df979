import { createReadStream, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Mistake, runCommand } from './command.js';
import type { Config } from './config/config.js';
import { ConfigError, readConfig } from './config/environment.js';
import { CONTRACTS, everyContract } from './contracts/registry.js';
import { Unavailable } from './core/unavailable.js';
import { ContractExtras } from './sessions/contract-extras.js';
import { importSessions, type ImportCounts } from './sessions/import/importer.js';
import { Database } from './store/database/database.js';
import { DirectoryInUse } from './store/database/directory-lock.js';
import { prepareSchema, SchemaBehind } from './store/database/schema-check.js';
import { PrismaSessionExport } from './store/prisma/prisma-session-export.js';
import { PrismaSessionImport } from './store/prisma/prisma-session-import.js';

// `npm run import -- sessions.ndjson`: takes in sessions of another system, a line each (docs/moving-in). With the settings of
// the service, whose lifetimes they get.

const USAGE =
  'Usage: npm run import -- [--dry-run] [--from-line <n>] [--refused <file>] <file.ndjson, or - for standard input>';
/** Between two lines of progress, in milliseconds: in a terminal, and elsewhere. */
const [BETWEEN_DRAWINGS, BETWEEN_LINES] = [200, 5_000];

const number = new Intl.NumberFormat('en');

// What lines have left behind is given back at once: it may run beside the service in a container of half a gigabyte.
setFlagsFromString('--heap-growing-percent=20');

async function main(): Promise<string> {
  const { source, dryRun, from, refusedFile } = readArguments();
  const config = readConfig(process.env, CONTRACTS, everyContract);
  const size = source === '-' ? undefined : sizeOf(source);
  const stream = source === '-' ? process.stdin : createReadStream(source, { highWaterMark: 1 << 20 });
  const refused = new RefusedLines(refusedFile, from > 1);
  const progress = new Progress(size);
  const database = await Database.open(config.database, { unhurried: true });
  let latest: Readonly<ImportCounts> | undefined;
  try {
    if (!dryRun) await prepareSchema(database, config.database);
    const counts = await importSessions(stream as AsyncIterable<Buffer>, {
      rules: { config, extras: extrasOf(config) },
      from,
      store: dryRun
        ? undefined
        : { sessions: new PrismaSessionImport(database), moved: new PrismaSessionExport(database) },
      refuse: (line, reasons) => refused.add(line, reasons),
      report: (counts) => progress.show((latest = counts)),
    });
    progress.end();
    return said(counts, dryRun, refused);
  } catch (error) {
    progress.end();
    if (!(error instanceof Unavailable) || !latest) throw error;
    throw new Mistake(
      `The database does not answer any more. ${number.format(latest.imported)} sessions are in. Run the same command again: what is ` +
        `there is left as it is; or go on with --from-line ${latest.next}`,
    );
  } finally {
    await refused.close();
    await database.close();
  }
}

/** What the contracts that are served take of a session's extras. */
function extrasOf({ contracts }: Config): ContractExtras {
  const served = CONTRACTS.filter(({ name }) => contracts.some((mount) => mount.name === name));
  const none = { cookie: undefined, accessCookie: undefined };
  return new ContractExtras(new Map(served.map(({ name, extras }) => [name, { ...none, extras }])));
}

function readArguments(): { source: string; dryRun: boolean; from: number; refusedFile: string } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        'dry-run': { type: 'boolean' },
        'from-line': { type: 'string' },
        refused: { type: 'string' },
      },
    });
    const [source = '-', ...more] = positionals;
    const from = Number(values['from-line'] ?? 1);
    if (positionals.length === 0 && process.stdin.isTTY) throw new Mistake(USAGE);
    if (more.length > 0 || !Number.isSafeInteger(from) || from < 1) throw new Mistake(USAGE);
    const refusedFile = values.refused ?? (source === '-' ? 'refused.ndjson' : `${source}.refused.ndjson`);
    return { source, dryRun: values['dry-run'] ?? false, from, refusedFile };
  } catch (error) {
    throw error instanceof Mistake ? error : new Mistake(`${(error as Error).message}\n${USAGE}`);
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw new Mistake(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function said(counts: Readonly<ImportCounts>, dryRun: boolean, refused: RefusedLines): string {
  const { imported, already, refused: no } = counts;
  const lines = [
    `${number.format(imported)} ${dryRun ? 'would be imported, unless they are there' : 'imported'}`,
    ...(already > 0 ? [`${number.format(already)} were there already`] : []),
    ...(no > 0 ? [`${number.format(no)} refused: see ${refused.file}`] : []),
  ];
  if (no > 0) process.exitCode = 2;
  return `${lines.join(', ')}\n`;
}

/** The lines that were refused, in a file that is there only if there are any. None of their text: it may be a secret. */
class RefusedLines {
  private handle: FileHandle | undefined;

  /** @param further whether an import goes on that has written into it */
  constructor(
    readonly file: string,
    private readonly further: boolean,
  ) {}

  async add(line: number, reasons: readonly string[]): Promise<void> {
    this.handle ??= await open(this.file, this.further ? 'a' : 'w', 0o600);
    await this.handle.write(`${JSON.stringify({ line, reasons })}\n`);
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }
}

/** Draws a bar in a terminal, and writes a line now and then elsewhere. */
class Progress {
  private readonly since = performance.now();
  private readonly isTerminal = process.stderr.isTTY;
  private shownAt = performance.now();

  /** @param size of the file, in bytes, if it is known */
  constructor(private readonly size: number | undefined) {}

  show({ lines, bytes, refused }: Readonly<ImportCounts>): void {
    const now = performance.now();
    if (now - this.shownAt < (this.isTerminal ? BETWEEN_DRAWINGS : BETWEEN_LINES)) return;
    this.shownAt = now;
    const rate = Math.round(lines / ((now - this.since) / 1000));
    const part = this.size === undefined ? undefined : Math.min(1, bytes / Math.max(1, this.size));
    const done = part === undefined ? '' : `${Math.floor(part * 100)} %, `;
    const text = `${done}${number.format(lines)} lines, ${number.format(rate)} a second, ${number.format(refused)} refused`;
    if (!this.isTerminal) process.stderr.write(`${text}\n`);
    else process.stderr.write(`\r\x1b[K${part === undefined ? '' : `${bar(part)} `}${text}`);
  }

  end(): void {
    if (this.isTerminal) process.stderr.write('\r\x1b[K');
  }
}

function bar(part: number): string {
  const full = Math.round(part * 30);
  return `[${'#'.repeat(full)}${'-'.repeat(30 - full)}]`;
}

await runCommand(main, [ConfigError, Unavailable, DirectoryInUse, SchemaBehind]);
