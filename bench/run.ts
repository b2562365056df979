import { parseArgs } from 'node:util';
import { atSize } from './at-size.ts';
import { BenchEnvironment } from './environment.ts';
import { importing } from './importing.ts';
import { measure, median, type Figures, type Span } from './measure.ts';
import type { Load } from './load/generator.ts';
import type { ScenarioName } from './load/scenarios.ts';
import type { Server } from './processes.ts';
import { compareNodes } from './nodes.ts';
import { openLoop } from './open-loop.ts';
import { machine, writeReport, type Claim } from './report.ts';
import { soak, type Soaked } from './soak.ts';
import { rotateMillion, type Grown } from './growth.ts';
import { compareTracing } from './tracing.ts';

/**
 * The benchmark: `npm run bench` (about a quarter of an hour), `-- --quick` (under a minute), `-- --soak 10` (with so
 * many minutes of load at the end). Servers that are compared run in turn, in one go, and their middle rounds count.
 *
 * By themselves: `-- --node 22,24,26` compares the service on several Nodes, `-- --open-loop` tells latencies at constant
 * rates of arrival, and at too high a one, `-- --tracing` what traces cost; `-- --at-size 10000000` fills a table with so
 * many sessions; `-- --import 1000000` imports so many of another system.
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    soak: { type: 'string', default: '0' },
    node: { type: 'string' },
    'open-loop': { type: 'boolean', default: false },
    tracing: { type: 'boolean', default: false },
    'at-size': { type: 'string' },
    import: { type: 'string' },
  },
});

const LOOPS = 64;
const MANY_LOOPS = 256;
const FEW = 1_000;
const SPAN: Span = options.quick
  ? { warmUp: 3, count: { seconds: 3 } }
  : { warmUp: 4, count: { seconds: 6 } };
const ROUNDS = options.quick ? 1 : 3;

const environment = await BenchEnvironment.build();
process.once('SIGINT', () => void environment.clear().finally(() => process.exit(1)));
try {
  if (options.node)
    await compareNodes(environment, options.node.split(','), { rounds: ROUNDS, span: SPAN, say });
  else if (options.tracing) await compareTracing(environment, { rounds: ROUNDS, span: SPAN, say });
  else if (options['open-loop']) await openLoop(environment, { seconds: options.quick ? 10 : 60, say });
  else if (options['at-size']) await atSize(environment, Number(options['at-size']), say);
  else if (options.import) await importing(environment, Number(options.import), say);
  else await run();
} finally {
  await environment.clear();
}

async function run(): Promise<void> {
  const one = await environment.floor('one-statement');
  const batched = await environment.floor('batched');
  const echo = await environment.floor('echo');
  const service = await environment.service();
  const rows: Figures[] = await inTurn(FEW, 'rotate-body', [
    ['bare, one statement each', one],
    ['bare, batched', batched],
    ['service', service],
  ]);
  const [oneFigures, batchedFigures, rotate] = rows as [Figures, Figures, Figures];
  const statementsFrom = await environment.databaseTime();
  const forgery = await inTurn(FEW, 'forged', [
    ['Nest on Fastify, validated echo', echo],
    ['service', service],
  ]);
  rows.push(...forgery);
  const statements = await environment.statementsSince(statementsFrom);
  const [echoFigures, forged] = forgery as [Figures, Figures];

  let opening: number | undefined;
  let million: Figures | undefined;
  let thousand: Figures | undefined;
  let grown: Grown | undefined;
  let embedded: Figures | undefined;
  let soaked: Soaked | undefined;
  if (!options.quick) {
    rows.push(await alone('rotate-cookie', [service]));
    rows.push(await alone('dry-run', [service]));
    const open = await alone('open', [service]);
    opening = open.serverCpu / rotate.serverCpu;
    rows.push(open);
    rows.push(await alone('revoke', [service], 100_000));
    await environment.fill(FEW, { bound: true });
    rows.push(await measure('service', [service], load('introspect', FEW), SPAN, environment.databasePid));
    const gracious = await environment.service({ ROTATION_GRACE: '10s' });
    rows.push(await alone('storm', [gracious], 100_000));
    const second = await environment.service();
    rows.push(await alone('rotate-body', [service, second], FEW, 'service, two processes'));
    const workers = await environment.service({ WORKERS: '2', PORT: '0' });
    rows.push(await alone('rotate-body', [workers], FEW, 'service, WORKERS=2'));
    for (const [server, name] of [
      [service, 'service'],
      [workers, 'service, WORKERS=2'],
    ] as const)
      rows.push(await alone('rotate-body', [server], FEW, `${name}, ${MANY_LOOPS} loops`, MANY_LOOPS));
    say('filling a table of a million sessions');
    await environment.fill(1_000_000);
    million = await measure(
      'service',
      [service],
      load('rotate-body', 1_000_000),
      SPAN,
      environment.databasePid,
    );
    // Beside it, not minutes before: on a machine that others use too, that is another machine.
    thousand = await alone('rotate-body', [service]);
    rows.push(million, thousand);
    say('rotating a million times');
    grown = await rotateMillion(environment, service);
    const inProcess = await environment.embedded(FEW);
    embedded = await measure('service, embedded database', [inProcess], load('rotate-body', FEW), SPAN);
    rows.push(embedded);
  }
  if (Number(options.soak) > 0) {
    await environment.fill(FEW);
    soaked = await soak(await environment.service(), Number(options.soak), say);
  }

  const claims: Claim[] = [
    claim('rotate: of the batched floor', rotate.rate / batchedFigures.rate, '>=', 0.8),
    claim("rotate: CPU, of the batched floor's", rotate.serverCpu / batchedFigures.serverCpu, '<=', 1.45),
    claim('rotate: p99, of its p50', rotate.p99 / rotate.p50, '<=', 2.5),
    claim('rotate: of the one-statement floor', rotate.rate / oneFigures.rate, '>=', 1.8),
    claim("rotate: p99, of the one-statement floor's", rotate.p99 / oneFigures.p99, '<=', 1),
    claim(
      "rotate: database CPU, of the one-statement floor's",
      rotate.databaseCpu / oneFigures.databaseCpu,
      '<=',
      0.25,
    ),
    claim('forged: of the validated echo', forged.rate / echoFigures.rate, '>=', 0.6),
    claim('forged: statements in the database', statements, '<=', 0),
    ...(opening === undefined ? [] : [claim("open: CPU, of a rotation's", opening, '<=', 2.5)]),
    ...(million && thousand
      ? [claim('a million sessions: of a thousand, measured next', million.rate / thousand.rate, '>=', 0.9)]
      : []),
    ...(grown
      ? [
          claim('a million rotations: growth of table and indexes', grown.growth, '<=', 0.05),
          claim('a million rotations: HOT updates', grown.hot, '>=', 0.99),
        ]
      : []),
    ...(embedded ? [claim('embedded: refreshes a second', embedded.rate, '>=', 1_500)] : []),
    ...(soaked
      ? [
          claim(`${soaked.minutes} minutes of load: RSS at the end, MB`, soaked.last, '<=', 250),
          claim('of that: growth over its second half', soaked.growth, '<=', 0.05),
          claim('of that: longest event-loop stall, ms', soaked.stall, '<=', 50),
        ]
      : []),
  ];
  writeReport({ machine: await machine(environment), rows, claims, quick: options.quick });
}

/** Measures servers in turn, for as many rounds as there are, on fresh sessions each time. */
async function inTurn(
  sessions: number,
  scenario: ScenarioName,
  contenders: readonly (readonly [name: string, server: Server])[],
): Promise<Figures[]> {
  const rounds: Figures[][] = contenders.map(() => []);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [at, [name, server]] of contenders.entries()) {
      say(`${scenario}, round ${round} of ${ROUNDS}: ${name}`);
      await environment.fill(sessions);
      rounds[at]!.push(
        await measure(name, [server], load(scenario, sessions), SPAN, environment.databasePid),
      );
    }
  }
  return rounds.map(median);
}

async function alone(
  scenario: ScenarioName,
  servers: readonly Server[],
  sessions = FEW,
  name = 'service',
  loops = LOOPS,
): Promise<Figures> {
  say(`${scenario}: ${name}`);
  await environment.fill(sessions);
  return measure(name, servers, load(scenario, sessions, loops), SPAN, environment.databasePid);
}

function load(scenario: ScenarioName, sessions: number, loops = LOOPS): Omit<Load, 'ports'> {
  // What stops at the border needs no database, and leaves the second core to the generator.
  return { scenario, sessions, loops, awake: scenario === 'forged' };
}

function claim(what: string, seen: number, than: Claim['than'], asked: number): Claim {
  return { what, seen, than, asked, holds: than === '>=' ? seen >= asked : seen <= asked };
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);
}
