import { existsSync, readdirSync } from 'node:fs';
import type { Contract } from '../../src/contracts/contract.ts';
import { CONTRACTS, withoutClashes } from '../../src/contracts/registry.ts';
import type { TestService } from '../support/service.ts';
import type { Frontend, MakeFrontend } from './frontend.ts';

const HERE = 'test/contracts';

/** Contracts that the service does not have: each a `<name>/<name>.contract.ts` here, exported as its default. */
const madeForTests = await Promise.all(
  readdirSync(HERE)
    .filter((name) => existsSync(`${HERE}/${name}/${name}.contract.ts`))
    .map(async (name) => ((await import(`./${name}/${name}.contract.ts`)) as { default: Contract }).default),
);

/** Every contract there is: what is told of one in the stories and tried on it by the fuzzer, is of all. */
export const contracts: readonly Contract[] = [...CONTRACTS, ...madeForTests];

/** Where each is mounted, so that none is in another's way. */
export const mounted = withoutClashes(contracts);

/** The setting CONTRACTS that mounts them so. */
export const EVERY_CONTRACT = mounted.map(({ name, prefix }) => (prefix ? `${name}@${prefix}` : name)).join();

/** The frontends of all contracts, by name. A contract that has none fails here. */
export async function frontends(service: TestService): Promise<Record<string, Frontend>> {
  const made = mounted.map(async ({ name, prefix }) => {
    const file = `./${name}/frontend.ts`;
    if (!existsSync(`${HERE}/${name}/frontend.ts`))
      throw new Error(`${HERE}/${name}/frontend.ts is missing: how does a frontend of ${name} refresh?`);
    const { default: make } = (await import(file)) as { default: MakeFrontend };
    return [name, await make(service, prefix)] as const;
  });
  return Object.fromEntries(await Promise.all(made));
}
