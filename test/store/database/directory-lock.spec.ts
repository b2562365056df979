import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../../src/store/database/database.ts';
import { DirectoryInUse, lockDirectory } from '../../../src/store/database/directory-lock.ts';
import { runBuilt } from '../run-built.ts';

const isRoot = process.getuid?.() === 0;
/** What gives a command process numbers of its own, as a container has: it is number 1. */
const CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ratchet-lock-'));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  rmSync(directory, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // Not its exit: what unshare wraps is killed with it, a moment later, and has the pipe until then.
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Another process that says when it is ready, tries to take the folder when told to, and says how that went. */
function contender(...wrapper: string[]): {
  child: ChildProcess;
  line: () => Promise<string>;
  go: () => void;
} {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(`${process.cwd()}/dist/store/database/directory-lock.js`)});
    process.stdin.once('data', async () => {
      try {
        await lockDirectory(${JSON.stringify(directory)});
        console.log('taken by', process.pid);
      } catch (error) {
        console.log(error.name);
      }
    });
    console.log('ready');`;
  const [command, ...args] = [...wrapper, process.execPath, '--input-type=module', '--eval', script];
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  children.push(child);
  const line = (): Promise<string> =>
    new Promise((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())));
  return { child, line, go: () => child.stdin.write('go\n') };
}

/** How another process fares that tries to take the folder. */
async function attempt(...wrapper: string[]): Promise<{ child: ChildProcess; outcome: string }> {
  const { child, line, go } = contender(...wrapper);
  expect(await line()).toBe('ready');
  go();
  return { child, outcome: await line() };
}

/** A process that holds the folder. */
async function holder(): Promise<ChildProcess> {
  const { child, outcome } = await attempt();
  expect(outcome).toBe(`taken by ${child.pid}`);
  return child;
}

describe('a data folder', () => {
  test('that nobody uses is taken, and given back', async () => {
    const release = await lockDirectory(directory);
    expect((await attempt()).outcome).toBe('DirectoryInUse');
    release();
    await holder();
  });

  test('that another process uses is refused, and the message says what to do', async () => {
    const { pid } = await holder();
    const refused = lockDirectory(directory);
    await expect(refused).rejects.toThrow(DirectoryInUse);
    await expect(refused).rejects.toThrow(
      `${directory} is in use by another Ratchet (process ${pid} on ${hostname()})`,
    );
    await expect(refused).rejects.toThrow('DATA_DIR');
    await expect(lockDirectory(directory)).rejects.toThrow(`process ${pid}`);
  });

  test('that this very process uses is refused', async () => {
    const release = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow(DirectoryInUse);
    release();
    (await lockDirectory(directory))();
  });

  (isRoot ? test : test.skip)('that two containers share is taken by one at a time', async () => {
    const { child, outcome } = await attempt(...CONTAINER);
    expect(outcome).toBe('taken by 1');
    expect((await attempt(...CONTAINER)).outcome).toBe('DirectoryInUse');
    await kill(child);
    expect((await attempt(...CONTAINER)).outcome).toBe('taken by 1');
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

  test('of a process that crashed is taken at once', async () => {
    await kill(await holder());
    (await lockDirectory(directory))();
  });

  test('of a process that is stopped, as a debugger stops it, is refused', async () => {
    const child = await holder();
    child.kill('SIGSTOP');
    await expect(lockDirectory(directory)).rejects.toThrow(DirectoryInUse);
  });

  test('whose lock names a process that is long gone is taken', async () => {
    writeFileSync(join(directory, 'lock'), 'process 1 on elsewhere');
    const release = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow(`(process ${process.pid} on ${hostname()})`);
    release();
  });

  test('that ten processes want at once, after a crash, is taken by one', async () => {
    for (let round = 0; round < 3; round++) {
      await kill(await holder());
      const contenders = Array.from({ length: 10 }, () => contender());
      await Promise.all(contenders.map(({ line }) => line()));
      const results = Promise.all(contenders.map(({ line }) => line()));
      for (const { go } of contenders) go();
      const refused = (await results).filter((result) => result === 'DirectoryInUse');
      expect(refused).toHaveLength(9);
      await Promise.all(children.splice(0).map(kill));
    }
  });
});
