import { mountContracts } from '../../src/contracts/registry.ts';
import { readConfig } from '../../src/config/environment.ts';
import { SETTINGS } from '../support/service.ts';
import { useService } from '../support/use-service.ts';
import { contracts, EVERY_CONTRACT } from './every-contract.ts';
import { baseOf, type Json } from './as-published.ts';

/** What is for operators, support and newcomers, and in no document. */
const UNDOCUMENTED = /^\/($|(health\/(live|ready)|metrics|console(\/.*)?|docs(\/.*|\*)?|docs-.*)$)/;

describe('the routes of a service with every contract', () => {
  const { database, service } = useService({ CONTRACTS: EVERY_CONTRACT });
  let registered: { method: string; path: string }[];

  beforeAll(() => {
    registered = routesOf(
      service.app!.nest.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }),
    );
  });

  test('are, of contracts, those that their mounts know', () => {
    const settings = { ...SETTINGS, DATABASE_URL: database.url, CONTRACTS: EVERY_CONTRACT };
    const known = mountContracts(readConfig(settings, contracts), contracts).flatMap(({ routes }) =>
      Object.entries(routes).flatMap(([path, methods]) => methods.map((method) => `${method} ${path}`)),
    );
    const own = new Set(known.map((route) => route.split(' ')[1]));
    const found = registered
      .filter(({ path }) => own.has(path))
      .map(({ method, path }) => `${method} ${path}`);
    expect(found.sort()).toEqual(known.sort());
    expect(found.length).toBeGreaterThan(contracts.length);
  });

  test('are each in one document, or named as an exception', () => {
    const documented = service
      .app!.documents.filter(({ name }) => !name.endsWith('.playground'))
      .flatMap(({ document }) =>
        Object.keys(document.paths).map((path) => baseOf(document as unknown as Json) + path),
      );
    expect(new Set(documented).size).toBe(documented.length);
    const strays = registered.map(({ path }) => path.replace(/:(\w+)/g, '{$1}'));
    expect(strays.filter((path) => !documented.includes(path) && !UNDOCUMENTED.test(path))).toEqual([]);
  });
});

/** Reads the tree that Fastify prints; what answers HEAD and OPTIONS by itself left out. */
function routesOf(tree: string): { method: string; path: string }[] {
  const routes: { method: string; path: string }[] = [];
  const parents: string[] = [];
  for (const line of tree.split('\n')) {
    const [, indent, segment, methods] = /^([│ ]*)[└├]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (indent === undefined) continue;
    const depth = indent.length / 4;
    parents.length = depth;
    parents.push(`${parents[depth - 1] ?? ''}${segment!}`);
    for (const method of methods?.split(', ') ?? [])
      if (method !== 'HEAD' && method !== 'OPTIONS') routes.push({ method, path: parents[depth]! });
  }
  return routes;
}
