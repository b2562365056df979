import type { Config, ContractMount } from '../config/config.js';
import { akinon } from './akinon/akinon.js';
import { issuerPathOf, Mount, RouteClash, routesAt, type Contract } from './contract.js';
import { dynamosql } from './dynamosql/dynamosql.js';
import { nestAuth } from './nest-auth/nest-auth.js';
import { oauth } from './oauth/oauth.js';
import { plec } from './plec/plec.js';
import { watchr } from './watchr/watchr.js';

/** All contracts. A new one is a folder and a line here. */
export const CONTRACTS: readonly Contract[] = [plec, watchr, nestAuth, dynamosql, akinon, oauth];

/** Every contract, each where it claims no route of those before it. */
export const everyContract: readonly ContractMount[] = withoutClashes(CONTRACTS);

/**
 * The configured contracts at their places.
 *
 * @param contracts those that the configuration may name
 * @throws RouteClash if two claim one route
 */
export function mountContracts(config: Config, contracts: readonly Contract[] = CONTRACTS): Mount[] {
  const claims: Claims = new Map();
  const issuerPath = issuerPathOf(config.issuer);
  return config.contracts.map((wanted) => {
    const definition = contracts.find((contract) => contract.name === wanted.name)!;
    const clash = claim(claims, definition, wanted, issuerPath);
    if (clash) throw new RouteClash(clash.route, clash.first, wanted);
    return new Mount(definition, wanted.prefix, config);
  });
}

/** Every one of `contracts`, under a prefix of its own name where it would claim a route of those before it. */
export function withoutClashes(contracts: readonly Contract[]): ContractMount[] {
  const claims: Claims = new Map();
  return contracts.map((contract) => {
    const plain = { name: contract.name, prefix: '' };
    if (!claim(claims, contract, plain)) return plain;
    const apart = { ...plain, prefix: `/${contract.name}` };
    claim(claims, contract, apart);
    return apart;
  });
}

/** Who has which route, such as `POST /auth/refresh`. */
type Claims = Map<string, ContractMount>;

/** Claims the routes of a contract; or tells the first that another has, and claims none. */
function claim(
  claims: Claims,
  contract: Contract,
  mount: ContractMount,
  issuerPath = '',
): { route: string; first: ContractMount } | undefined {
  const routes = routesAt(contract, mount.prefix, issuerPath).map(({ method, path }) => `${method} ${path}`);
  const taken = routes.find((route) => claims.has(route));
  if (taken) return { route: taken, first: claims.get(taken)! };
  for (const route of routes) claims.set(route, mount);
  return undefined;
}
