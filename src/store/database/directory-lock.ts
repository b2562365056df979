import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

/** Another process uses the data folder: two embedded databases on the same files would destroy them. */
export class DirectoryInUse extends Error {
  constructor(directory: string, holder: string) {
    super(
      `${resolve(directory)} is in use by another Ratchet (${holder}). ` +
        'Stop it, give this one a DATA_DIR of its own, or set DATABASE_URL to share a PostgreSQL server',
    );
    this.name = 'DirectoryInUse';
  }
}

/** Far behind what the file says: where locks are mandatory, as on Windows, others could not read a locked byte. */
const LOCKED_BYTE = 1 << 20;

/**
 * Takes the data folder for this process; gives what releases it.
 *
 * The lock is the kernel's, on an open file. So it ends with its holder however that ends, needs no clock, and counts
 * between containers, where every holder is process 1. The file stays: whoever removed it could remove one that
 * somebody else has locked since.
 *
 * @throws DirectoryInUse
 */
export async function lockDirectory(directory: string): Promise<() => void> {
  // Loaded here because a service with a server for a database needs no native code.
  const { tryLock } = await import('fs-native-extensions');
  const path = join(directory, 'lock');
  const file = openSync(path, 'a');
  if (!tryLock(file, LOCKED_BYTE, 1)) {
    closeSync(file);
    throw new DirectoryInUse(directory, readFileSync(path, 'utf8'));
  }
  ftruncateSync(file);
  writeFileSync(file, `process ${process.pid} on ${hostname()}`);
  return () => closeSync(file);
}
