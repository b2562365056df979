import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../src/store/database.ts';
import { DirectoryInUse, lockDirectory } from '../../src/store/directory-lock.ts';
import { runBuilt } from './run-built.ts';

let directory: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ratchet-lock-'));
  file = join(directory, 'lock');
});

afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  rmSync(directory, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Another process that says when it is ready, tries to take the folder when told to, and says how that went. */
function contender(): { child: ChildProcess; line: () => Promise<string>; go: () => void } {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(`${process.cwd()}/dist/store/directory-lock.js`)});
    process.stdin.once('data', () => {
      try {
        lockDirectory(${JSON.stringify(directory)});
        console.log('taken');
      } catch (error) {
        console.log(error.name);
      }
    });
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  children.push(child);
  const line = (): Promise<string> =>
    new Promise((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())));
  return { child, line, go: () => child.stdin.write('go\n') };
}

/** A process that holds the folder. */
async function holder(): Promise<ChildProcess> {
  const { child, line, go } = contender();
  expect(await line()).toBe('ready');
  go();
  expect(await line()).toBe('taken');
  return child;
}

describe('a data folder', () => {
  test('that nobody uses is taken, and given back', () => {
    const release = lockDirectory(directory);
    expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
    release();
    expect(existsSync(file)).toBe(false);
    lockDirectory(directory)();
  });

  test('that another process uses is refused, and the message says what to do', async () => {
    const { pid } = await holder();
    const refused = (): unknown => lockDirectory(directory);
    expect(refused).toThrow(DirectoryInUse);
    expect(refused).toThrow(`${directory} is in use by another Ratchet (process ${pid})`);
    expect(refused).toThrow('DATA_DIR');
    expect(readFileSync(file, 'utf8')).toBe(String(pid));
  });

  test('is refused before a file of the database is opened', async () => {
    await holder();
    await expect(Database.open({ kind: 'embedded', directory })).rejects.toThrow(DirectoryInUse);
    expect(existsSync(join(directory, 'postgres'))).toBe(false);
  });

  test.each(['dist/main.js', 'dist/migrate.js'])('is refused by %s in one line', async (program) => {
    await holder();
    const { code, stdout, stderr } = await runBuilt([program], {
      DATA_DIR: directory,
      PORT: '0',
      LOG_LEVEL: 'silent',
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\/.* is in use by another Ratchet .*\n$/);
  });

  test('that a process of another user uses is refused', () => {
    writeFileSync(file, '1');
    expect(() => lockDirectory(directory)).toThrow('process 1');
  });

  test('of a process that crashed is taken', async () => {
    const child = await holder();
    await kill(child);
    expect(readFileSync(file, 'utf8')).toBe(String(child.pid));
    lockDirectory(directory)();
  });

  test('of a container that crashed is taken by the next one, whose process has the same number', () => {
    writeFileSync(file, String(process.pid));
    lockDirectory(directory)();
  });

  test.each(['', 'nonsense', '0'])('whose lock reads %j is taken', (content) => {
    writeFileSync(file, content);
    const release = lockDirectory(directory);
    expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
    release();
  });

  test('that ten processes want at once, after a crash, is taken by one', async () => {
    for (let round = 0; round < 3; round++) {
      writeFileSync(file, 'stale');
      const contenders = Array.from({ length: 10 }, contender);
      await Promise.all(contenders.map(({ line }) => line()));
      const results = Promise.all(contenders.map(({ line }) => line()));
      for (const { go } of contenders) go();
      expect((await results).toSorted()).toEqual([...Array<string>(9).fill('DirectoryInUse'), 'taken']);
      await Promise.all(children.splice(0).map(kill));
    }
  });
});
