import type { BenchEnvironment } from './environment.ts';
import { measure, median, type Figures, type Span } from './measure.ts';
import { stopProcess } from './processes.ts';
import { FIGURE_COLUMNS, figureCells, table } from './table.ts';

const LOAD = { scenario: 'rotate-body', sessions: 1_000, loops: 64 } as const;

/** Measures what traces cost: the service without them, with none, one in ten and all of them recorded, in turn. Prints it. */
export async function compareTracing(
  environment: BenchEnvironment,
  { rounds, span, say }: { rounds: number; span: Span; say: (line: string) => void },
): Promise<void> {
  const collector = await environment.collector();
  const on = (sampler: string, part = '1'): Record<string, string> => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_TRACES_SAMPLER: sampler,
    OTEL_TRACES_SAMPLER_ARG: part,
  });
  const contenders = [
    ['no collector', {}],
    ['none recorded', on('always_off')],
    ['one in ten', on('traceidratio', '0.1')],
    ['all', on('always_on')],
  ] as const;
  const seen: Figures[][] = contenders.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [at, [name, settings]] of contenders.entries()) {
      say(`round ${round} of ${rounds}: ${name}`);
      const server = await environment.service(settings);
      await environment.fill(LOAD.sessions);
      seen[at]!.push(await measure(name, [server], LOAD, span, environment.databasePid));
      await stopProcess(server.process);
    }
  }
  const figures = seen.map(median);
  const rows = figures.map((own) => [
    own.name,
    ...figureCells(own),
    (own.rate / figures[0]!.rate).toFixed(2),
    (own.serverCpu / figures[0]!.serverCpu).toFixed(2),
  ]);
  const head = ['traces', 'refreshes/s', ...FIGURE_COLUMNS, 'rate, of none', 'CPU, of none'];
  process.stdout.write(`\n${table(head, rows)}\n`);
}
