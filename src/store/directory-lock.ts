import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Takes the data folder for this process; gives what releases it. @throws DirectoryInUse */
export function lockDirectory(directory: string): () => void {
  const file = join(directory, 'lock');
  const holder = holderOf(file);
  if (holder !== undefined && isAlive(holder)) throw new DirectoryInUse(directory, holder);
  rmSync(file, { force: true });
  writeFileSync(file, String(process.pid), { flag: 'wx' });
  return () => rmSync(file, { force: true });
}

function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
