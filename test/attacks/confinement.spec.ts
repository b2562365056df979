import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { TestDatabase } from '../support/database.ts';
import { SETTINGS, spawnService, type TestService } from '../support/service.ts';
import { report } from './call.ts';

/**
 * What the image and compose do to the service, with the kernel alone: another user, without capabilities or a way to
 * any, for whom no file can be written. The checkout is put where that user can reach it.
 */
const CONFINED = `
  set -e
  mount --bind "$PWD" /mnt
  mount -o remount,bind,ro /mnt
  mount -o remount,bind,ro /
  cd /mnt
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
`;
const isRoot = process.getuid?.() === 0;

/** A command and its arguments, to be run confined. */
const confined = (...command: string[]): [string, string[]] => [
  'unshare',
  ['--mount', '--propagation', 'private', 'sh', '-c', CONFINED, 'sh', ...command],
];

function run(...command: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(...confined(...command), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe('whoever takes over the process', () => {
  test('is nobody in the image, and in compose finds nothing to write to', () => {
    expect(readFileSync('Dockerfile', 'utf8')).toMatch(/^USER 1000:1000$/m);
    const compose = readFileSync('docker-compose.yml', 'utf8');
    const [, locked] = /^x-locked-down: &locked-down\n((?: .*\n)+)/m.exec(compose)!;
    for (const rule of ['read_only: true', 'cap_drop: [ALL]', "security_opt: ['no-new-privileges:true']"])
      expect(locked).toContain(`  ${rule}\n`);
    for (const service of ['migrate', 'ratchet'])
      expect(compose).toContain(`  ${service}:\n    <<: *locked-down\n`);
  });

  (isRoot ? test : test.skip)('has a service that does all it must in such confinement', async () => {
    const attempt = await run('sh', '-c', 'id -u; touch /tmp/x; touch dist/x; touch /x');
    expect(attempt.output).toMatch(/^1000\n/);
    expect(attempt.output.match(/Read-only file system/g)).toHaveLength(3);

    const database = await TestDatabase.create();
    let service: TestService | undefined;
    try {
      service = await spawnService(
        { ...SETTINGS, DATABASE_URL: database.url, NODE_ENV: 'production', LOG_LEVEL: 'info' },
        confined(process.execPath, 'dist/main.js'),
      );
      const status = readFileSync(`/proc/${service.process!.pid}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      const { refreshToken } = await service.open();
      expect((await service.refresh(refreshToken)).status).toBe(200);
      expect((await fetch(`${service.url}/docs/`)).status).toBe(200);
    } finally {
      await service?.stop();
      await database.drop();
    }
    report('the service as uid 1000, read-only, without capabilities', 1, 'opened, refreshed, shut down');
  });
});
