import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readSettings } from '../../src/config/environment.ts';
import { CONTRACTS } from '../../src/contracts/registry.ts';

/** Those that the image or the compose file decides, and what is for the embedded database alone. */
const DECIDED = ['NODE_ENV', 'HOST', 'PORT', 'DATABASE_URL', 'DATA_DIR'];

interface Compose {
  services: Record<string, { environment: Record<string, string | null>; mem_limit?: string }>;
}

describe('an operator with docker compose', () => {
  const read = readSettings({ DATABASE_URL: 'postgresql://localhost/none' }, CONTRACTS);
  const settings = [...read.keys()].filter((name) => !name.endsWith('_FILE') && !DECIDED.includes(name));
  const { services } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;
  const example = readFileSync('.env.example', 'utf8');

  test('can set every setting in .env', () => {
    const passed = Object.keys(services['ratchet']!.environment).filter((name) => !DECIDED.includes(name));
    expect(passed.toSorted()).toEqual(settings.toSorted());
  });

  test('is asked for what has no default that would do, and told what to set', () => {
    const asked = Object.entries(services['ratchet']!.environment).filter(([, value]) =>
      value?.includes(':?'),
    );
    const names = ['ISSUER', 'AUDIENCE', 'REFRESH_TOKEN_KEYS', 'SERVICE_KEYS', 'TRUST_PROXY'];
    expect(asked.map(([name]) => name)).toEqual(names);
    for (const [name, value] of asked)
      expect(value).toMatch(new RegExp(`^\\$\\{${name}:\\?set it in .env to `));
  });

  test('has no service that may take all memory', () => {
    const limits = Object.entries(services).map(([name, { mem_limit }]) => [name, mem_limit]);
    expect(limits.filter(([, limit]) => !limit)).toEqual([]);
  });

  test('finds every setting in .env.example, with what it is if it is not set', () => {
    const shown = new Map(
      Array.from(example.matchAll(/^#?([A-Z_]+)=(.*)$/gm), ([, name, value]) => [name!, value!]),
    );
    expect(settings.filter((name) => !shown.has(name))).toEqual([]);
    const others = settings.filter((name) => {
      const { otherwise } = read.get(name)!;
      return otherwise !== undefined && shown.get(name) !== otherwise;
    });
    expect(others).toEqual([]);
  });
});
