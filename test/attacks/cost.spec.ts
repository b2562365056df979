import { register } from '../contracts/oauth/registered.ts';
import { spawnEveryContract } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { connections, report, send, type Call } from './call.ts';
import { EVERY_CONTRACT } from '../contracts/every-contract.ts';
import { PLACES } from './places.ts';
import { worstCasesAt, worstCasesOfBackends, worstCasesOfPages } from './worst-cases.ts';

/** What a request may cost the service, in milliseconds of CPU. */
const LIMIT = 50;
/** The machine has other things to do, and collects garbage: the least of so many counts. */
const TRIES = 6;

describe('whoever sends the one request that costs the most', () => {
  afterAll(() => connections.destroy());
  const { service } = useService(
    { CONTRACTS: EVERY_CONTRACT, ALLOWED_ORIGINS: 'https://a.example' },
    { by: spawnEveryContract },
  );
  let clientId: string;

  beforeAll(async () => {
    clientId = (await register(service, { authMethod: 'none' })).id;
    // The first of each kind is run by code that is not yet compiled.
    for (const place of PLACES) await measure(worstCasesAt(place, clientId), Infinity);
  });

  const places = PLACES.map((place) => [`${place.method} ${place.path}`, place] as const);

  test.each(places)('at %s costs it less than 50 ms of CPU', (_name, place) =>
    judge(() => worstCasesAt(place, clientId)),
  );

  test('at the APIs of backends costs it less than 50 ms of CPU', () => judge(worstCasesOfBackends));

  test('at pages and files costs it less than 50 ms of CPU', () => judge(worstCasesOfPages));

  async function judge(cases: () => Record<string, Call>): Promise<void> {
    const costs = await measure(cases(), LIMIT);
    const dearest = costs.sort(([, a], [, b]) => b - a).slice(0, 3);
    report(
      'worst cases',
      costs.length,
      dearest.map(([name, ms]) => `${name}: ${ms.toFixed(1)} ms`).join('; '),
    );
    expect(costs.filter(([, cost]) => cost > LIMIT)).toEqual([]);
  }

  /** What each costs; one that costs more than `enough` is tried again. */
  async function measure(cases: Record<string, Call>, enough: number): Promise<[string, number][]> {
    const costs: [string, number][] = [];
    for (const [name, call] of Object.entries(cases)) {
      let least = Infinity;
      for (let tries = 0; tries < TRIES && least > enough; tries++) {
        const before = await cpu();
        await send(service.url, call).catch(() => undefined);
        least = Math.min(least, (await cpu()) - before);
        if (enough === Infinity) break;
      }
      costs.push([name, least]);
    }
    return costs;
  }

  /** The CPU that the service's process has used, in milliseconds. */
  async function cpu(): Promise<number> {
    const metrics = await (await service.api('GET', '/metrics')).text();
    return Number(/^process_cpu_seconds_total (\S+)$/m.exec(metrics)![1]) * 1000;
  }
});
