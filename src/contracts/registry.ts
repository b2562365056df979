import type { Config, ContractMount } from '../config/config.js';
import { Mount, RouteClash, type Contract } from './contract.js';
import { plec } from './plec/plec.js';

/** All contracts. A new one is a folder and a line here. */
const CONTRACTS: readonly Contract[] = [plec];

/** The names that the setting CONTRACTS may use. */
export const contractNames: readonly string[] = CONTRACTS.map((contract) => contract.name);

/** The configured contracts at their places. @throws RouteClash if two claim one route */
export function mountContracts(config: Config): Mount[] {
  const claims = new Map<string, ContractMount>();
  return config.contracts.map((wanted) => {
    const definition = CONTRACTS.find((contract) => contract.name === wanted.name)!;
    const mount = new Mount(definition, wanted.prefix, config);
    for (const [path, [method]] of Object.entries(mount.routes)) {
      const route = `${method} ${path}`;
      const first = claims.get(route);
      if (first) throw new RouteClash(route, first, wanted);
      claims.set(route, wanted);
    }
    return mount;
  });
}
