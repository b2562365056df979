import type { Figures } from './measure.ts';

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, at) => Math.max(3, name.length, ...rows.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What figureCells gives. */
export const FIGURE_COLUMNS = ['p50 ms', 'p99 ms', 'CPU µs', 'database CPU µs', 'RSS MB'] as const;

/** The rate, and then FIGURE_COLUMNS. */
export function figureCells({ rate, p50, p99, serverCpu, databaseCpu, memory }: Figures): string[] {
  return [
    Math.round(rate).toLocaleString('en'),
    ...[p50, p99].map((ms) => ms.toFixed(1)),
    ...[serverCpu, databaseCpu, memory].map((each) => each.toFixed(0)),
  ];
}
