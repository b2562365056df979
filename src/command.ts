import { stackOf } from './ops/last-resort.js';

/** Something that the operator can mend: the message is all they need. */
export class Mistake extends Error {}

/**
 * Runs a command of the command line and ends the process: with what it gives written to standard output; or with 1, and what
 * went wrong, of which a Mistake and those of `known` need no stack.
 */
export async function runCommand(
  main: () => Promise<string>,
  known: readonly (new (...args: never[]) => Error)[],
): Promise<void> {
  try {
    process.stdout.write(await main());
    // The schema engine, and a pool, keep their connections, which would hold the process for as long as they may idle.
    process.exit();
  } catch (error) {
    const isKnown = [Mistake, ...known].some((kind) => error instanceof kind);
    process.stderr.write(`${isKnown ? (error as Error).message : stackOf(error)}\n`);
    process.exit(1);
  }
}
