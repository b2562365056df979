import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { BenchEnvironment } from './environment.ts';
import { install, type InstalledNode } from './installed-node.ts';
import { measure, median, type Figures, type Span } from './measure.ts';
import { stopProcess } from './processes.ts';
import { table } from './table.ts';

const LOAD = { scenario: 'rotate-body', sessions: 1_000, loops: 64 } as const;

/**
 * Measures the service, and the batched floor beside it, on several Nodes in turn; the load generator stays on this one.
 * Prints what it saw and what the parts of a refresh cost on each.
 *
 * @param versions such as 22 or 24.1.0, of npm's packages of Node's own binaries
 */
export async function compareNodes(
  environment: BenchEnvironment,
  versions: readonly string[],
  { rounds, span, say }: { rounds: number; span: Span; say: (line: string) => void },
): Promise<void> {
  const nodes = versions.map((version) => {
    say(`installing Node ${version}`);
    return install(version);
  });
  const seen = new Map<string, { service: Figures[]; floor: Figures[] }>();
  for (let round = 1; round <= rounds; round++) {
    for (const node of nodes) {
      say(`round ${round} of ${rounds}: Node ${node.version}`);
      const figures = seen.get(node.version) ?? { service: [], floor: [] };
      seen.set(node.version, figures);
      const start = {
        service: () => environment.service({}, node.path),
        floor: () => environment.floor('batched', node.path),
      };
      for (const which of ['service', 'floor'] as const) {
        const server = await start[which]();
        await environment.fill(LOAD.sessions);
        figures[which].push(await measure(which, [server], LOAD, span, environment.databasePid));
        await stopProcess(server.process);
      }
    }
  }
  const rows = [...seen].map(([version, { service, floor }]) => {
    const [own, bare] = [median(service), median(floor)];
    return [
      version,
      Math.round(own.rate).toLocaleString('en'),
      own.p50.toFixed(1),
      own.p99.toFixed(1),
      own.serverCpu.toFixed(0),
      bare.serverCpu.toFixed(0),
      (own.serverCpu / bare.serverCpu).toFixed(2),
      (own.rate / bare.rate).toFixed(2),
      own.memory.toFixed(0),
    ];
  });
  const head = [
    'Node',
    'refreshes/s',
    'p50 ms',
    'p99 ms',
    'CPU µs',
    "floor's CPU µs",
    'ratio',
    'rate, of the floor',
    'RSS MB',
  ];
  process.stdout.write(`\n${table(head, rows)}\n\n${parts(nodes)}\n`);
}

function parts(nodes: readonly InstalledNode[]): string {
  const columns = nodes.map(
    ({ path }) =>
      JSON.parse(execFileSync(path, [join(import.meta.dirname, 'micro.js'), '--json']).toString()) as Record<
        string,
        number
      >,
  );
  return table(
    ['µs a call', ...nodes.map(({ version }) => version)],
    Object.keys(columns[0]!).map((name) => [name, ...columns.map((column) => column[name]!.toFixed(1))]),
  );
}
