import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = 'node_modules/.cache/ratchet-bench';

/** Another Node than the one this runs on. */
export interface InstalledNode {
  readonly version: string;
  readonly path: string;
}

/** One of npm's packages of Node's own binaries, kept for the next run. */
export function install(version: string): InstalledNode {
  const name = `node-linux-${process.arch}`;
  const folder = join(CACHE, `node-${version}`);
  execFileSync('npm', [
    'install',
    '--silent',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--prefix',
    folder,
    `${name}@${version}`,
  ]);
  const path = join(process.cwd(), folder, 'node_modules', name, 'bin', 'node');
  return { path, version: execFileSync(path, ['-p', 'process.versions.node']).toString().trim() };
}

/** The Node that the image ships: what is measured is what is shipped. Where npm has no package of it, this one. */
export function nodeOfImage(): InstalledNode {
  if (process.platform !== 'linux') return { path: process.execPath, version: process.versions.node };
  return install(/^FROM node:(\d+)/m.exec(readFileSync('Dockerfile', 'utf8'))![1]!);
}
