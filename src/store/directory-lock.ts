import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Another process uses the data folder: two embedded databases on the same files would destroy them. */
export class DirectoryInUse extends Error {
  constructor(directory: string, pid: number) {
    super(
      `${resolve(directory)} is in use by another Ratchet (process ${pid}). ` +
        'Stop it, give this one a DATA_DIR of its own, or set DATABASE_URL to share a PostgreSQL server',
    );
    this.name = 'DirectoryInUse';
  }
}

const TRIES = 500;
const BETWEEN_TRIES = 10;

/**
 * Takes the data folder for this process; gives what releases it. A lock whose holder has died is taken over, by one
 * process at a time: the one that has the second file.
 *
 * @throws DirectoryInUse
 */
export function lockDirectory(directory: string): () => void {
  const lock = join(directory, 'lock');
  const turn = join(directory, 'lock.turn');
  for (let tried = 0; tried < TRIES; tried++) {
    if (create(lock)) return () => rmSync(lock, { force: true });
    const holder = holderOf(lock);
    if (holder !== undefined && isAlive(holder)) throw new DirectoryInUse(directory, holder);
    if (create(turn)) {
      // Nobody else removes a lock now; whoever took it over before is seen here.
      if (!isAlive(holderOf(lock) ?? 0)) rmSync(lock, { force: true });
      rmSync(turn, { force: true });
    } else if (!isAlive(holderOf(turn) ?? process.pid)) {
      rmSync(turn, { force: true });
    } else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_TRIES);
    }
  }
  throw new DirectoryInUse(directory, holderOf(lock) ?? 0);
}

/** Makes a file that names this process, whole or not at all; false if it is there. */
function create(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, String(process.pid));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid || pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
