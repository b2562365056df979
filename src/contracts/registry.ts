import type { Config, ContractMount } from '../config/config.js';
import { akinon } from './akinon/akinon.js';
import { Mount, RouteClash, type Contract } from './contract.js';
import { dynamosql } from './dynamosql/dynamosql.js';
import { nestAuth } from './nest-auth/nest-auth.js';
import { oauth } from './oauth/oauth.js';
import { plec } from './plec/plec.js';
import { watchr } from './watchr/watchr.js';

/** All contracts. A new one is a folder and a line here. */
const CONTRACTS: readonly Contract[] = [plec, watchr, nestAuth, dynamosql, akinon, oauth];

/** The names that the setting CONTRACTS may use. */
export const contractNames: readonly string[] = CONTRACTS.map((contract) => contract.name);

/** Every contract, each where it claims no route of those before it. */
export const everyContract: readonly ContractMount[] = withoutClashes();

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

function withoutClashes(): ContractMount[] {
  const claimed = new Set<string>();
  return CONTRACTS.map(({ name, routes }) => {
    const paths = Object.keys(routes);
    const prefix = paths.some((path) => claimed.has(path)) ? `/${name}` : '';
    for (const path of paths) claimed.add(prefix + path);
    return { name, prefix };
  });
}
