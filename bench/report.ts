import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Figures } from './measure.ts';
import type { BenchEnvironment } from './environment.ts';
import { FIGURE_COLUMNS, figureCells, table } from './table.ts';

/** Something that the service is to keep up with, and whether it does. */
export interface Claim {
  readonly what: string;
  readonly seen: number;
  readonly than: '>=' | '<=';
  readonly asked: number;
  readonly holds: boolean;
}

/** All that a run saw. */
export interface Report {
  readonly machine: string;
  readonly rows: readonly Figures[];
  readonly claims: readonly Claim[];
  readonly quick: boolean;
}

const RESULTS = 'bench/results';
/** Where the figures of the last whole run are shown. */
const PAGE = 'docs/benchmarks.md';
const MARKS = ['<!-- bench -->', '<!-- /bench -->'] as const;

/** The machine that a run was on. */
export async function machine(environment: BenchEnvironment): Promise<string> {
  const [row] = await environment.query<{ version: string }>(
    `SELECT current_setting('server_version') AS version`,
  );
  const memory = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores of ${model}, ${memory} GiB, servers on Node ${environment.node.version}, PostgreSQL ${row!.version} (fsync and synchronous_commit on), load generator on the same machine, 64 closed loops`;
}

/** Prints a run; a whole one is also kept as JSON and as a chart, and is what docs/benchmarks.md shows. */
export function writeReport(report: Report): void {
  const text = markdown(report);
  process.stdout.write(`\n${text}\n`);
  if (report.quick) return;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(
    `${RESULTS}/latest.json`,
    `${JSON.stringify({ at: new Date().toISOString(), ...report }, null, 2)}\n`,
  );
  writeFileSync(`${RESULTS}/latest.svg`, chart(report.rows));
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.indexOf(MARKS[0]), page.indexOf(MARKS[1])];
  if (before < 0 || after < 0) throw new Error(`${PAGE} has no place for the figures: ${MARKS.join(' … ')}`);
  writeFileSync(PAGE, `${page.slice(0, before + MARKS[0].length)}\n\n${text}\n${page.slice(after)}`);
}

function markdown({ machine: where, rows, claims }: Report): string {
  return [
    `On ${where}:`,
    '',
    table(
      ['', 'load', 'sessions', 'answers/s', ...FIGURE_COLUMNS],
      rows.map((row) => [row.name, row.scenario, row.sessions.toLocaleString('en'), ...figureCells(row)]),
    ),
    '',
    table(
      ['in one run', 'seen', 'asked', ''],
      claims.map(({ what, seen, than, asked, holds }) => [
        what,
        short(seen),
        `${than === '>=' ? 'at least' : 'at most'} ${short(asked)}`,
        holds ? 'yes' : '**no**',
      ]),
    ),
    '',
  ].join('\n');
}

function short(number: number): string {
  return Number.isInteger(number) || number >= 100
    ? Math.round(number).toLocaleString('en')
    : number.toFixed(3);
}

const BAR = 22;
const LEFT = 300;
const WIDTH = 860;

function chart(rows: readonly Figures[]): string {
  const most = Math.max(...rows.map(({ rate }) => rate));
  const bars = rows.map(({ name, scenario, sessions, rate }, at) => {
    const y = 40 + at * BAR;
    const label = `${name}: ${scenario}${sessions >= 1_000_000 ? ', 1M sessions' : ''}`;
    const fill = name.startsWith('service') ? '#2563eb' : '#9ca3af';
    return [
      `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${label}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${((WIDTH - LEFT - 80) * rate) / most}" height="${BAR - 6}" fill="${fill}"/>`,
      `<text x="${LEFT + ((WIDTH - LEFT - 80) * rate) / most + 6}" y="${y + 13}">${Math.round(rate).toLocaleString('en')}</text>`,
    ].join('\n');
  });
  const height = 50 + rows.length * BAR;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="16" y="24" font-size="15">Answers a second</text>
${bars.join('\n')}
</svg>
`;
}
