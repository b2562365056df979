import { mountContracts } from '../../src/contracts/registry.ts';
import { contracts } from '../contracts/every-contract.ts';
import { config } from './call.ts';

/** Where an attacker may knock. */
export interface Place {
  readonly contract: string;
  readonly path: string;
  readonly method: string;
  /** Whether it reads forms; else it reads JSON. */
  readonly isForm: boolean;
  /** Whether it knows `dryRun`. */
  readonly runsDry: boolean;
  /** Whether it hands out tokens. */
  readonly refreshes: boolean;
}

/** Every route of every contract, from the registry: a new contract is attacked from its first day. */
export const PLACES: readonly Place[] = mountContracts(config, contracts).flatMap(
  ({ contract, routes, reads, dryRunPaths }) => {
    // The one that runs dry is the refresh; a contract without dry runs names its refresh first.
    const refresh = dryRunPaths[0] ?? Object.keys(routes)[0];
    return Object.entries(routes).map(([path, [method]]) => ({
      contract,
      path,
      method: method!,
      isForm: reads === 'application/x-www-form-urlencoded',
      runsDry: dryRunPaths.includes(path),
      refreshes: path === refresh,
    }));
  },
);

for (const { name } of contracts)
  if (!PLACES.some(({ contract, refreshes }) => contract === name && refreshes))
    throw new Error(`the contract ${name} has no place to attack`);
